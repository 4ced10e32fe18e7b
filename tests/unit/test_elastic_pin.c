/* SPDX-License-Identifier: Apache-2.0 */

/* Trust by fingerprint, by real handshakes: of the right chains, and of chains that only look right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "export/elastic/pin.h"

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
    char fingerprint[ELASTIC_PIN_BYTES * 2 + 1];
};

/* root signed middle, middle signed server; the stranger signed itself. */
static struct identity root, middle, server, expired, stranger, stranger_root;

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signs itself. days: until it ends, from yesterday on. */
static void identity_make(struct identity *identity, const char *name, const struct identity *issuer, bool ca, int days)
{
    static long serial = 1;
    uint8_t digest[ELASTIC_PIN_BYTES];
    unsigned size;
    identity->key = EVP_EC_gen("P-256");
    X509 *certificate = identity->certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -172800);
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86400L);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject);
    X509_set_pubkey(certificate, identity->key);
    extend(certificate, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (ca)
        extend(certificate, NID_key_usage, "critical,keyCertSign");
    assert_true(X509_sign(certificate, issuer ? issuer->key : identity->key, EVP_sha256()) > 0);
    assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &size), 1);
    for (unsigned i = 0; i < size; i++)
        sprintf(identity->fingerprint + 2 * i, "%02x", digest[i]);
}

static void identity_free(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static int identities_make(void **state)
{
    identity_make(&root, "root", NULL, true, 100);
    identity_make(&middle, "middle", &root, true, 100);
    identity_make(&server, "server", &middle, false, 100);
    identity_make(&expired, "expired", &middle, false, -1);
    identity_make(&stranger, "server", NULL, false, 100);
    identity_make(&stranger_root, "root", NULL, true, 100);
    return 0;
}

static int identities_free(void **state)
{
    identity_free(&root);
    identity_free(&middle);
    identity_free(&server);
    identity_free(&expired);
    identity_free(&stranger);
    identity_free(&stranger_root);
    return 0;
}

static SSL_CTX *server_context(const struct identity *own, const struct identity *const *sent)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, own->certificate);
    SSL_CTX_use_PrivateKey(context, own->key);
    for (; *sent; sent++)
        assert_int_equal(SSL_CTX_add1_chain_cert(context, (*sent)->certificate), 1);
    return context;
}

/* Whether a client that trusts the fingerprint, and the authority where it is given, shakes hands with the server. */
static bool trusts(const char *fingerprint, const struct identity *authority, const struct identity *own,
                   const struct identity *const *sent)
{
    SSL_CTX *server_side = server_context(own, sent), *client_side = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(client_side, SSL_VERIFY_PEER, NULL);
    if (authority)
        X509_STORE_add_cert(SSL_CTX_get_cert_store(client_side), authority->certificate);
    elastic_pin_install(client_side, fingerprint);
    SSL *one = SSL_new(server_side), *other = SSL_new(client_side);
    BIO *near, *far;
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(one, near, near);
    SSL_set_bio(other, far, far);
    SSL_set_accept_state(one);
    SSL_set_connect_state(other);
    for (int i = 0; i < 20; i++) {
        SSL_do_handshake(other);
        SSL_do_handshake(one);
    }
    bool done = SSL_is_init_finished(other);
    if (done)
        assert_int_equal(SSL_get_verify_result(other), X509_V_OK);
    SSL_free(one);
    SSL_free(other);
    SSL_CTX_free(server_side);
    SSL_CTX_free(client_side);
    return done;
}

#define SENT(...) ((const struct identity *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})

static void test_right(void **state)
{
    assert_true(trusts(server.fingerprint, NULL, &server, SENT()));
    assert_true(trusts(server.fingerprint, NULL, &server, SENT(&middle, &root)));
    assert_true(trusts(middle.fingerprint, NULL, &server, SENT(&middle)));
    assert_true(trusts(root.fingerprint, NULL, &server, SENT(&middle, &root)));
    assert_true(trusts(root.fingerprint, &root, &server, SENT(&middle))); /* the root comes from tls.ca */
    assert_true(trusts(stranger.fingerprint, NULL, &stranger, SENT()));
}

static void test_wrong(void **state)
{
    assert_false(trusts(middle.fingerprint, NULL, &server, SENT()));
    assert_false(trusts(root.fingerprint, NULL, &server, SENT(&middle)));
    assert_false(trusts(stranger.fingerprint, NULL, &server, SENT(&middle, &root)));
    assert_false(trusts(stranger.fingerprint, &root, &server, SENT(&middle)));
    assert_false(trusts(expired.fingerprint, NULL, &expired, SENT(&middle, &root)));
    assert_false(trusts(root.fingerprint, NULL, &expired, SENT(&middle, &root)));
}

/* Everybody can send the authority's certificate along: it must have signed. */
static void test_sent_along(void **state)
{
    assert_false(trusts(root.fingerprint, NULL, &stranger, SENT(&root)));
    assert_false(trusts(root.fingerprint, NULL, &stranger, SENT(&middle, &root)));
    assert_false(trusts(server.fingerprint, NULL, &stranger, SENT(&server, &middle, &root)));
    assert_false(trusts(root.fingerprint, &root, &stranger, SENT(&middle, &root)));
    assert_false(trusts(stranger_root.fingerprint, NULL, &server, SENT(&middle, &stranger_root)));
}

static void test_texts(void **state)
{
    uint8_t pin[ELASTIC_PIN_BYTES];
    char text[200] = "";
    for (int i = 0; i < ELASTIC_PIN_BYTES; i++)
        sprintf(text + 2 * i, "%02X", i * 7 & 255);
    assert_true(elastic_pin_parse(text, pin));
    assert_int_equal(pin[5], 35);
    text[3] = 'g';
    assert_false(elastic_pin_parse(text, pin));
    assert_false(trusts(text, &root, &server, SENT(&middle, &root))); /* what cannot be compared is not trusted */
    for (int i = 0; i < ELASTIC_PIN_BYTES; i++)
        sprintf(text + 3 * i, "%02x%s", i, i < ELASTIC_PIN_BYTES - 1 ? ":" : "");
    assert_true(elastic_pin_parse(text, pin));
    assert_int_equal(pin[31], 31);
    for (size_t size = 0; size < 95; size++) {
        char cut[100];
        memcpy(cut, text, size);
        cut[size] = '\0';
        assert_false(elastic_pin_parse(cut, pin));
    }
    strcat(text, "0");
    assert_false(elastic_pin_parse(text, pin));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_sent_along),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, identities_make, identities_free);
}
