#include "ZoneShim.h"

#include <unicode/ucal.h>
#include <unicode/ustring.h>

/// UTF-16 with a final zero; 0 when it does not fit or is no UTF-8.
static int wide(const char *name, UChar *buffer) {
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8(buffer, ZONESHIM_NAME_SIZE, NULL, name, -1, &status);
  return U_SUCCESS(status) && status != U_STRING_NOT_TERMINATED_WARNING;
}

static int narrow(const UChar *name, int32_t length, char *buffer, int size) {
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8(buffer, size, NULL, name, length, &status);
  return U_SUCCESS(status) && status != U_STRING_NOT_TERMINATED_WARNING;
}

int zoneshim_iana(const char *windows, const char *region, char *name, int size) {
  UChar given[ZONESHIM_NAME_SIZE], found[ZONESHIM_NAME_SIZE];
  if (!wide(windows, given)) return 0;
  UErrorCode status = U_ZERO_ERROR;
  int32_t length = ucal_getTimeZoneIDForWindowsID(given, -1, region, found, ZONESHIM_NAME_SIZE, &status);
  return U_SUCCESS(status) && length > 0 && narrow(found, length, name, size);
}

int zoneshim_windows(const char *iana, char *name, int size) {
  UChar given[ZONESHIM_NAME_SIZE], found[ZONESHIM_NAME_SIZE];
  if (!wide(iana, given)) return 0;
  UErrorCode status = U_ZERO_ERROR;
  int32_t length = ucal_getWindowsTimeZoneID(given, -1, found, ZONESHIM_NAME_SIZE, &status);
  return U_SUCCESS(status) && length > 0 && narrow(found, length, name, size);
}
