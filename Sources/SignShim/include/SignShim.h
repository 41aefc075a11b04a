// What this program needs of OpenSSL's libcrypto: a signature with a private key, the fingerprint of a certificate. No header of OpenSSL's shows.
#ifndef SIGN_SHIM_H
#define SIGN_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Signs with RSASSA-PKCS1-v1_5 and SHA-256 (RS256, RFC 7518 section 3.3). `key` is an RSA private key in PEM without a passphrase.
/// Returns the signature's length, 0 when the key cannot be used or `capacity` is too small.
size_t signshim_rs256(const char *key, size_t key_length, const uint8_t *message, size_t message_length, uint8_t *signature, size_t capacity);

/// SHA-256 of the first certificate (DER) of a PEM text. False when there is none.
bool signshim_certificate_sha256(const char *certificate, size_t length, uint8_t digest[_Nonnull 32]);

#pragma clang assume_nonnull end

#endif
