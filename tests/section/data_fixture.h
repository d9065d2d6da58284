/* data_fixture.h: what the tests of data sections have in common. */
#ifndef PELOAD_TESTS_SECTION_DATA_FIXTURE_H
#define PELOAD_TESTS_SECTION_DATA_FIXTURE_H

#include "section/fixture.h"

#define PAGE UINT64_C(4096)
#define UNIT UINT64_C(0x10000) /* of offsets and bases */

/* A new file of `size` bytes that say where they are: byte i is data_byte(i). */
char *data_file(size_t size);
uint8_t data_byte(uint64_t offset);

/* A file that must open; everything is shared. */
ldr_file *data_open(const char *path, uint32_t access);

/* The size of the file at a path. */
uint64_t data_size(const char *path);

/* A section of a file, or of memory for NULL, that must come about. */
ldr_section *data_section(ldr_file *file, uint64_t size, uint32_t protect, uint32_t attributes);

/* The same, of all of a file that is opened for it and closed. */
ldr_section *data_section_at(const char *path, uint32_t protect);

/* A section of memory with a name. */
ldr_section *data_named(const char *name, uint64_t size, uint32_t attributes);

/* A name that no other test and no other run has. */
const char *data_name(char *name, size_t size, const char *what);

/* A view that must come about; `protect` 0 is the section's. The section stays the caller's. */
ldr_view *data_view(ldr_section *section, uint64_t offset, uint64_t length, uint32_t protect);

/* The NTSTATUS of a section, or of a view, that must not come about and changes nothing. */
uint32_t data_refused(const ldr_create_options *options);
uint32_t data_view_refused(ldr_section *section, const ldr_view_options *options);

/* What a page of a view is. */
ldr_region data_region(const ldr_view *view, uint64_t offset);

/* Whether the page at `address` can be read, or written, without a signal. */
bool data_can_read(const void *address);
bool data_can_write(void *address);

/* Runs `child` in a process of its own and returns what it does; its failed assertion is 99. */
int data_in_child(int (*child)(void *argument), void *argument);

#endif
