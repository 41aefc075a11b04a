#include "SignShim.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

// An encrypted key is refused instead of asking for its passphrase on the terminal.
static int no_passphrase(char *buffer, int size, int writing, void *context) {
  (void)buffer, (void)size, (void)writing, (void)context;
  return -1;
}

static BIO *reader(const char *text, size_t length) { return length > INT_MAX ? NULL : BIO_new_mem_buf(text, (int)length); }

size_t signshim_rs256(const char *key, size_t key_length, const uint8_t *message, size_t message_length, uint8_t *signature, size_t capacity) {
  BIO *source = reader(key, key_length);
  EVP_PKEY *private_key = source ? PEM_read_bio_PrivateKey(source, NULL, no_passphrase, NULL) : NULL;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t length = capacity;
  bool signed_ok = private_key && context && EVP_PKEY_get_base_id(private_key) == EVP_PKEY_RSA && (size_t)EVP_PKEY_get_size(private_key) <= capacity &&
                   EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, private_key) == 1 &&
                   EVP_DigestSign(context, signature, &length, message, message_length) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(private_key);
  BIO_free(source);
  ERR_clear_error();
  return signed_ok ? length : 0;
}

bool signshim_certificate_sha256(const char *certificate, size_t length, uint8_t digest[32]) {
  BIO *source = reader(certificate, length);
  X509 *found = source ? PEM_read_bio_X509(source, NULL, no_passphrase, NULL) : NULL;
  unsigned int size = 32;
  bool ok = found && X509_digest(found, EVP_sha256(), digest, &size) == 1 && size == 32;
  X509_free(found);
  BIO_free(source);
  ERR_clear_error();
  return ok;
}
