/*
 * copying_loader.h: a plain loader, as those that copy images do it: reads the file, copies its
 * sections to private memory, relocates, binds imports to the system's DLLs, protects the sections,
 * registers the unwind table and calls DllMain. It checks nothing, and knows neither TLS nor
 * forwarders into other images of its own.
 */
#ifndef BENCH_COPYING_LOADER_H
#define BENCH_COPYING_LOADER_H

#include <windows.h>

/* The base of the loaded DLL, NULL if it cannot be loaded. */
BYTE *bench_copying_load(const wchar_t *path);
void bench_copying_unload(BYTE *base);

#endif
