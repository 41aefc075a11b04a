// glibc's malloc options (malloc.h), which Swift's own module of glibc leaves out.
#ifndef CONCORDFS_MEMORY_SHIM_H
#define CONCORDFS_MEMORY_SHIM_H

/// From so many bytes on an allocation goes back to the system as soon as it is given up. Unless told so, glibc raises that limit up to
/// 32 MiB by itself, and keeps what large messages took for the next ones.
void memoryshim_return_from(int bytes);

#endif
