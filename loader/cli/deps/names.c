#include <stdlib.h>
#include <string.h>

#include "cli/deps/deps.h"
#include "cli/system.h"

typedef struct entry {
    char *key; /* NULL: free; else the kind, and the text in lower case */
    uint64_t hash;
    size_t value;
} entry;

struct deps_names {
    uint64_t seed; /* so that nobody can choose names that are slow to find */
    entry *entries;
    size_t size, count; /* size is a power of two, and at most half is used */
};

enum { FIRST_SIZE = 256 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static uint64_t hash_of(const deps_names *names, char kind, const char *key)
{
    uint64_t hash = names->seed ^ (unsigned char)kind;
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)lower(*key)) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return hash;
}

static bool is_key(const char *stored, char kind, const char *key)
{
    if (*stored++ != kind)
        return false;
    while (*key != '\0' && *stored == lower(*key)) {
        stored++;
        key++;
    }
    return *stored == '\0' && *key == '\0';
}

static entry *find(const deps_names *names, char kind, const char *key, uint64_t hash)
{
    size_t at = hash & (names->size - 1);
    while (names->entries[at].key != NULL &&
           (names->entries[at].hash != hash || !is_key(names->entries[at].key, kind, key)))
        at = (at + 1) & (names->size - 1);
    return &names->entries[at];
}

deps_names *deps_names_create(void)
{
    deps_names *names = calloc(1, sizeof *names);
    if (names == NULL)
        return NULL;
    names->seed = cli_random();
    names->size = FIRST_SIZE;
    names->entries = calloc(names->size, sizeof *names->entries);
    if (names->entries == NULL) {
        free(names);
        return NULL;
    }
    return names;
}

void deps_names_destroy(deps_names *names)
{
    if (names == NULL)
        return;
    for (size_t i = 0; i < names->size; i++)
        free(names->entries[i].key);
    free(names->entries);
    free(names);
}

bool deps_names_get(const deps_names *names, char kind, const char *key, size_t *ret_value)
{
    const entry *found = find(names, kind, key, hash_of(names, kind, key));
    if (found->key == NULL)
        return false;
    *ret_value = found->value;
    return true;
}

static bool grow(deps_names *names)
{
    deps_names larger = {.seed = names->seed, .size = names->size * 2, .count = names->count};
    larger.entries = calloc(larger.size, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < names->size; i++) {
        const entry *old = &names->entries[i];
        if (old->key != NULL)
            *find(&larger, old->key[0], old->key + 1, old->hash) = *old;
    }
    free(names->entries);
    *names = larger;
    return true;
}

bool deps_names_add(deps_names *names, char kind, const char *key, size_t value)
{
    uint64_t hash = hash_of(names, kind, key);
    size_t length = strlen(key);
    char *copy = malloc(length + 2);
    if (copy == NULL || (2 * names->count >= names->size && !grow(names))) {
        free(copy);
        return false;
    }
    copy[0] = kind;
    for (size_t i = 0; i <= length; i++)
        copy[i + 1] = lower(key[i]);
    *find(names, kind, key, hash) = (entry){copy, hash, value};
    names->count++;
    return true;
}
