/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/dtls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET_BYTES   32
#define COOKIE_BYTES   32 /* SHA-256 */
#define LINK_MTU_BYTES 1400

static uint8_t secret[SECRET_BYTES]; /* of this run; written before the first listener is asked, constant then */

/* --- cookies: a keyed hash of the peer's address and port --- */

static bool cookie_make(SSL *ssl, uint8_t cookie[COOKIE_BYTES])
{
    struct {
        uint8_t address[16];
        uint16_t port;
    } peer = {{0}, 0};
    unsigned length = COOKIE_BYTES;
    size_t address_bytes = sizeof peer.address;
    BIO_ADDR *address = BIO_ADDR_new();
    bool good = address && BIO_dgram_get_peer(SSL_get_rbio(ssl), address) > 0 &&
                BIO_ADDR_rawaddress(address, peer.address, &address_bytes) == 1;
    if (good) {
        peer.port = BIO_ADDR_rawport(address);
        good = HMAC(EVP_sha256(), secret, SECRET_BYTES, (const uint8_t *)&peer, sizeof peer, cookie, &length) != NULL;
    }
    BIO_ADDR_free(address);
    return good;
}

static int cookie_generate(SSL *ssl, unsigned char *cookie, unsigned *length)
{
    *length = COOKIE_BYTES;
    return cookie_make(ssl, cookie);
}

static int cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned length)
{
    uint8_t expected[COOKIE_BYTES];
    return length == COOKIE_BYTES && cookie_make(ssl, expected) && CRYPTO_memcmp(cookie, expected, length) == 0;
}

int dtls_context_prepare(SSL_CTX *context)
{
    static const uint8_t none[SECRET_BYTES];
    if (memcmp(secret, none, SECRET_BYTES) == 0 && RAND_bytes(secret, SECRET_BYTES) != 1)
        return -EIO;
    SSL_CTX_set_cookie_generate_cb(context, cookie_generate);
    SSL_CTX_set_cookie_verify_cb(context, cookie_verify);
    SSL_CTX_set_options(context, SSL_OP_COOKIE_EXCHANGE | SSL_OP_NO_QUERY_MTU);
    return 0;
}

/* --- peers --- */

static bool source_of(const BIO_ADDR *peer, struct endpoint *source)
{
    uint8_t bytes[16];
    size_t size_bytes = sizeof bytes;
    if (BIO_ADDR_rawaddress(peer, bytes, &size_bytes) != 1)
        return false;
    source->address = BIO_ADDR_family(peer) == AF_INET ? address_from_ipv4(bytes) : address_from_ipv6(bytes);
    source->port = ntohs(BIO_ADDR_rawport(peer));
    return true;
}

/* What waits for its next cookie at the listener. */
static SSL *listening(struct stream_listener *listener, SSL_CTX *context)
{
    if (listener->ssl && SSL_get_SSL_CTX(listener->ssl) != context) { /* certificates were read anew */
        SSL_free(listener->ssl);
        listener->ssl = NULL;
    }
    if (listener->ssl)
        return listener->ssl;
    SSL *ssl = SSL_new(context);
    BIO *bio = ssl ? BIO_new_dgram(listener->fd, BIO_NOCLOSE) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    DTLS_set_link_mtu(ssl, LINK_MTU_BYTES);
    return listener->ssl = ssl;
}

/* From here on the peer's datagrams come to the socket that is its own. */
static int peer_connect(const struct stream_listener *listener, SSL *ssl, const struct endpoint *source)
{
    BIO_ADDR *peer = BIO_ADDR_new();
    int fd = stream_socket_beside(listener, source);
    bool good = fd >= 0 && peer && BIO_dgram_get_peer(SSL_get_rbio(ssl), peer) > 0;
    if (good) {
        BIO_set_fd(SSL_get_rbio(ssl), fd, BIO_NOCLOSE);
        BIO_ctrl_set_connected(SSL_get_rbio(ssl), peer);
    } else if (fd >= 0) {
        close(fd);
        fd = -ENOMEM;
    }
    BIO_ADDR_free(peer);
    return fd;
}

int dtls_accept(struct stream_listener *listener, SSL_CTX *context, struct endpoint *source, SSL **ssl)
{
    uint8_t first;
    if (recv(listener->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
        return -errno;
    SSL *hello = listening(listener, context);
    BIO_ADDR *peer = BIO_ADDR_new();
    int fd = -EINPROGRESS;
    ERR_clear_error();
    if (!hello || !peer)
        fd = -ENOMEM;
    else if (DTLSv1_listen(hello, peer) == 1)
        fd = source_of(peer, source) ? peer_connect(listener, hello, source) : -EINPROGRESS;
    BIO_ADDR_free(peer);
    if (fd >= 0) {
        *ssl = hello;
        listener->ssl = NULL;
    }
    return fd;
}

void dtls_timeout(SSL *ssl)
{
    ERR_clear_error();
    DTLSv1_handle_timeout(ssl);
}
