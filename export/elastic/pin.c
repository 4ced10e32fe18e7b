/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/pin.h"

#include <string.h>

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

static int hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool elastic_pin_parse(const char *text, uint8_t pin[ELASTIC_PIN_BYTES])
{
    for (int i = 0; i < ELASTIC_PIN_BYTES; i++) {
        if (i && *text == ':')
            text++;
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        pin[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return !*text;
}

/* The certificate that has the fingerprint, or NULL. */
static X509 *find_pinned(STACK_OF(X509) *chain, const uint8_t pin[ELASTIC_PIN_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);
        if (X509_digest(certificate, EVP_sha256(), digest, &size) && size == ELASTIC_PIN_BYTES &&
            memcmp(digest, pin, size) == 0)
            return certificate;
    }
    return NULL;
}

/* The chain must end at this certificate, which need not have signed itself. */
static int verify_to(X509_STORE_CTX *context, X509 *anchor)
{
    STACK_OF(X509) *trusted = sk_X509_new_null();
    if (!trusted || !sk_X509_push(trusted, anchor)) {
        sk_X509_free(trusted);
        X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set0_trusted_stack(context, trusted);
    int valid = X509_verify_cert(context);
    /* OpenSSL looks into the stack while it verifies, and not after. */
    X509_STORE_CTX_set0_trusted_stack(context, NULL);
    sk_X509_free(trusted);
    return valid;
}

/* Instead of OpenSSL's own verification. The host's name is libcurl's to compare, after the handshake. */
static int verify(X509_STORE_CTX *context, void *text)
{
    uint8_t pin[ELASTIC_PIN_BYTES];
    if (!elastic_pin_parse(text, pin)) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    X509 *pinned = find_pinned(X509_STORE_CTX_get0_untrusted(context), pin);
    if (pinned)
        return verify_to(context, pinned);
    if (X509_verify_cert(context) <= 0)
        return 0;
    if (find_pinned(X509_STORE_CTX_get0_chain(context), pin))
        return 1;
    X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

void elastic_pin_install(SSL_CTX *context, const char *text)
{
    SSL_CTX_set_cert_verify_callback(context, verify, (void *)text);
}
