#include <unicode/ucal.h>
#include <unicode/ustring.h>
