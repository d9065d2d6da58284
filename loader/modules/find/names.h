/*
 * names.h: names of modules and files, as Windows compares them (rule E40): by the upper case of
 * each UTF-16 unit. They are UTF-8 here; a byte that is no part of UTF-8 is equal to itself only.
 */
#ifndef PELOAD_MODULES_FIND_NAMES_H
#define PELOAD_MODULES_FIND_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool ldr__same_name(const char *a, const char *b);
/* Equal for names that are the same. Nobody who does not know `seed` can make many equal ones. */
uint64_t ldr__name_hash(const char *name, uint64_t seed);
/* True if `name` starts with `prefix`, which is ASCII, in any case. */
bool ldr__name_starts(const char *name, const char *prefix);
/* The part of a path behind its last '/' (in the guest's names: or '\'). */
const char *ldr__base_name(const char *path);
const char *ldr__guest_base_name(const char *path);

#endif
