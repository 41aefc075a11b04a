#include "MemoryShim.h"

#include <malloc.h>

void memoryshim_return_from(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }
