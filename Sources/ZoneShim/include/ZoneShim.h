// Names of time zones by ICU: its zone data may be older than the system's, its table of Windows names hardly changes. This header shows no header of ICU: those clash with Foundation's own copy.
#ifndef ZONE_SHIM_H
#define ZONE_SHIM_H

#pragma clang assume_nonnull begin

/// Names are UTF-8 with a final zero. A buffer of this size takes every name that ICU knows.
enum { ZONESHIM_NAME_SIZE = 128 };

/// The IANA zone of a Windows zone by CLDR, in a region (ISO 3166 code; NULL or "001": the zone's main place). Returns 1, or 0 when unknown.
int zoneshim_iana(const char *windows, const char *_Nullable region, char *name, int size);

/// The Windows zone of an IANA zone or one of its aliases by CLDR. Returns 1, or 0 when there is none.
int zoneshim_windows(const char *iana, char *name, int size);

#pragma clang assume_nonnull end

#endif
