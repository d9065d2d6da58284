#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "win32/crt/file.h"
#include "win32/crt/stream.h"

TestSuite(crt_files, .init = guest_begin, .fini = guest_end);

enum { WRITABLE = 0x80 };

static void make_file(const char *bytes, size_t size)
{
    int fd = open(guest_file(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void expect_file(const char *bytes, size_t size)
{
    char found[256];
    int fd = open(guest_file(), O_RDONLY);
    cr_expect_eq(read(fd, found, sizeof found), (ssize_t)size);
    cr_expect_arr_eq(found, bytes, size);
    close(fd);
}

/* ---- Descriptors ---- */

Test(crt_files, text_mode_writes_cr_lf)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(int, _write, int, const void *, uint32_t);
    MSVCRT(int, _close, int);
    int fd = _open(guest_file(), LDR__CRT_O_CREAT | LDR__CRT_O_WRONLY, WRITABLE);
    cr_assert_geq(fd, 3);
    cr_expect_eq(_write(fd, "a\nb\n", 4), 4);
    cr_expect_eq(_close(fd), 0);
    expect_file("a\r\nb\r\n", 6);
}

Test(crt_files, binary_mode_writes_what_it_is_given)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(int, _write, int, const void *, uint32_t);
    MSVCRT(int, _close, int);
    int fd = _open(guest_file(), LDR__CRT_O_CREAT | LDR__CRT_O_RDWR | LDR__CRT_O_BINARY, WRITABLE);
    cr_expect_eq(_write(fd, "a\nb\n", 4), 4);
    _close(fd);
    expect_file("a\nb\n", 4);
}

Test(crt_files, text_mode_reads_lf_and_ends_at_ctrl_z)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(int, _read, int, void *, uint32_t);
    char text[32];
    make_file("a\r\nb\rc\x1A"
              "d",
              8);
    int fd = _open(guest_file(), LDR__CRT_O_TEXT);
    cr_expect_eq(_read(fd, text, sizeof text), 5);
    cr_expect_arr_eq(text, "a\nb\rc", 5);
}

Test(crt_files, line_end_across_two_reads_is_one_line_feed)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(int, _read, int, void *, uint32_t);
    char text[8];
    make_file("a\r\nb", 4);
    int fd = _open(guest_file(), LDR__CRT_O_TEXT);
    cr_expect_eq(_read(fd, text, 2), 2);
    cr_expect_arr_eq(text, "a\n", 2);
    cr_expect_eq(_read(fd, text, 2), 1);
    cr_expect_eq(text[0], 'b');
}

Test(crt_files, missing_file_is_enoent_and_closed_descriptor_ebadf)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(int, _close, int);
    cr_expect_eq(_open("/nowhere/at/all", 0), -1);
    cr_expect_eq(guest_errno(), ENOENT);
    cr_expect_eq(_open("/tmp", 0), -1); /* folders are not files in Windows */
    cr_expect_eq(guest_errno(), EACCES);
    cr_expect_eq(_close(77), -1);
    cr_expect_eq(guest_errno(), EBADF);
    cr_expect_eq(_close(-1), -1);
    cr_expect_eq(_close(1 << 30), -1);
}

Test(crt_files, exclusive_creation_of_an_existing_file_is_eexist)
{
    MSVCRT(int, _open, const char *, int, ...);
    make_file("x", 1);
    int flags = LDR__CRT_O_CREAT | LDR__CRT_O_EXCL | LDR__CRT_O_WRONLY;
    cr_expect_eq(_open(guest_file(), flags, WRITABLE), -1);
    cr_expect_eq(guest_errno(), EEXIST);
}

Test(crt_files, handle_and_descriptor_are_the_same_file)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(intptr_t, _get_osfhandle, int);
    MSVCRT(int, _open_osfhandle, intptr_t, int);
    MSVCRT(int, _read, int, void *, uint32_t);
    make_file("abc", 3);
    int fd = _open(guest_file(), LDR__CRT_O_BINARY);
    intptr_t handle = _get_osfhandle(fd);
    cr_expect_neq(handle, -1);
    int second = _open_osfhandle(handle, LDR__CRT_O_BINARY);
    char text[4] = "";
    cr_expect_eq(_read(fd, text, 1), 1);
    cr_expect_eq(_read(second, text + 1, 2), 2);
    cr_expect_str_eq(text, "abc");
    cr_expect_eq(_open_osfhandle(0x123450, 0), -1);
}

Test(crt_files, seeking_telling_and_sizes)
{
    MSVCRT(int, _open, const char *, int, ...);
    MSVCRT(int64_t, _lseeki64, int, int64_t, int);
    MSVCRT(int64_t, _telli64, int);
    MSVCRT(int64_t, _filelengthi64, int);
    make_file("abcdef", 6);
    int fd = _open(guest_file(), LDR__CRT_O_BINARY);
    cr_expect_eq(_lseeki64(fd, -2, SEEK_END), 4);
    cr_expect_eq(_telli64(fd), 4);
    cr_expect_eq(_filelengthi64(fd), 6);
    cr_expect_eq(_lseeki64(fd, 0, 9), -1);
    cr_expect_eq(guest_errno(), EINVAL);
}

Test(crt_files, stat_has_the_layout_of_windows)
{
    MSVCRT(int, _stat64, const char *, void *);
    uint8_t status[56];
    make_file("abcdef", 6);
    memset(status, 0xEE, sizeof status);
    cr_assert_eq(_stat64(guest_file(), status), 0);
    uint16_t mode;
    int64_t size, modified;
    memcpy(&mode, status + 6, sizeof mode);
    memcpy(&size, status + 24, sizeof size);
    memcpy(&modified, status + 40, sizeof modified);
    cr_expect_eq(mode, 0x8000 | 0666);
    cr_expect_eq(size, 6);
    cr_expect_gt(modified, 1000000000);
    cr_expect_eq(_stat64("/nowhere", status), -1);
    cr_expect_eq(guest_errno(), ENOENT);
}

/* ---- Streams ---- */

Test(crt_files, stream_in_text_mode_translates_and_tells_true_positions)
{
    MSVCRT(ldr__crt_file *, fopen, const char *, const char *);
    MSVCRT(char *, fgets, char *, int, ldr__crt_file *);
    MSVCRT(LONG, ftell, ldr__crt_file *);
    MSVCRT(int, fseek, ldr__crt_file *, LONG, int);
    char line[16];
    make_file("one\r\ntwo\nthree\r\n", 16);
    ldr__crt_file *file = fopen(guest_file(), "r");
    cr_assert_not_null(file);
    cr_expect_str_eq(fgets(line, sizeof line, file), "one\n");
    LONG second = ftell(file);
    cr_expect_eq(second, 5);
    cr_expect_str_eq(fgets(line, sizeof line, file), "two\n");
    cr_expect_eq(ftell(file), 9);
    cr_expect_str_eq(fgets(line, sizeof line, file), "three\n");
    cr_expect_null(fgets(line, sizeof line, file));
    cr_expect_eq(fseek(file, second, SEEK_SET), 0);
    cr_expect_str_eq(fgets(line, sizeof line, file), "two\n");
}

Test(crt_files, reading_after_writing_sees_what_was_written)
{
    MSVCRT(ldr__crt_file *, fopen, const char *, const char *);
    MSVCRT(int, fputs, const char *, ldr__crt_file *);
    MSVCRT(void, rewind, ldr__crt_file *);
    MSVCRT(int, fgetc, ldr__crt_file *);
    MSVCRT(int, ungetc, int, ldr__crt_file *);
    MSVCRT(int, feof, ldr__crt_file *);
    MSVCRT(int, fclose, ldr__crt_file *);
    ldr__crt_file *file = fopen(guest_file(), "w+b");
    cr_expect_eq(fputs("xy", file), 0);
    rewind(file);
    cr_expect_eq(fgetc(file), 'x');
    cr_expect_eq(ungetc('q', file), 'q');
    cr_expect_eq(fgetc(file), 'q');
    cr_expect_eq(fgetc(file), 'y');
    cr_expect_eq(feof(file), 0);
    cr_expect_eq(fgetc(file), -1);
    cr_expect_neq(feof(file), 0);
    cr_expect_eq(fclose(file), 0);
    cr_expect_eq(fclose(file), -1); /* it is no stream any more */
    cr_expect_eq(guest_errno(), EINVAL);
}

Test(crt_files, pointer_that_is_no_stream_is_refused)
{
    MSVCRT(int, fgetc, ldr__crt_file *);
    MSVCRT(size_t, fwrite, const void *, size_t, size_t, ldr__crt_file *);
    MSVCRT(ldr__crt_file *, __iob_func, void);
    ldr__crt_file forged = {.flags = 3, .descriptor = 1};
    cr_expect_eq(fgetc(&forged), -1);
    cr_expect_eq(fgetc(NULL), -1);
    cr_expect_eq(fgetc((ldr__crt_file *)((char *)__iob_func() + 1)), -1);
    cr_expect_eq(fwrite("x", 1, 1, __iob_func() + 19), 0);
    cr_expect_eq(fwrite("x", SIZE_MAX, 2, __iob_func()), 0);
}

Test(crt_files, closing_the_process_writes_out_its_streams)
{
    MSVCRT(ldr__crt_file *, fopen, const char *, const char *);
    MSVCRT(int, fputs, const char *, ldr__crt_file *);
    ldr__crt_file *file = fopen(guest_file(), "wb");
    fputs("kept", file);
    expect_file("", 0);
    ldr__crt_streams_flush(ldr__crt_self());
    expect_file("kept", 4);
}

Test(crt_files, wide_text_goes_by_the_mode_of_the_file)
{
    MSVCRT(ldr__crt_file *, fopen, const char *, const char *);
    MSVCRT(int, fputws, const WCHAR *, ldr__crt_file *);
    MSVCRT(int, fclose, ldr__crt_file *);
    static const WCHAR text[] = {'h', 0xE9, '\n', 0};
    ldr__crt_file *file = fopen(guest_file(), "w");
    cr_expect_eq(fputws(text, file), 0);
    fclose(file);
    expect_file("h\xE9\r\n", 4);
    file = fopen(guest_file(), "wb");
    fputws(text, file);
    fclose(file);
    expect_file("h\0\xE9\0\n\0", 6);
    file = fopen(guest_file(), "w, ccs=UTF-8");
    fputws(text, file);
    fclose(file);
    expect_file("h\xC3\xA9\r\n", 5);
}

Test(crt_files, mode_that_is_none_is_refused)
{
    MSVCRT(ldr__crt_file *, fopen, const char *, const char *);
    cr_expect_null(fopen(guest_file(), "q"));
    cr_expect_eq(guest_errno(), EINVAL);
    cr_expect_null(fopen(guest_file(), "r?"));
}

Test(crt_files, search_finds_names_whatever_their_case)
{
    MSVCRT(intptr_t, _wfindfirst64, const WCHAR *, void *);
    MSVCRT(int, _wfindnext64, intptr_t, void *);
    MSVCRT(int, _findclose, intptr_t);
    make_file("abc", 3);
    char pattern[64];
    strcpy(pattern, guest_file());
    strcpy(strrchr(pattern, '/') + 1, "F*.TXT");
    WCHAR *wide = ldr__utf16_from(pattern);
    uint8_t found[560];
    intptr_t handle = _wfindfirst64(wide, found);
    cr_assert_neq(handle, -1);
    int64_t size;
    memcpy(&size, found + 32, sizeof size);
    cr_expect_eq(size, 3);
    cr_expect_eq(found[40], 'f');
    cr_expect_eq(_wfindnext64(handle, found), -1);
    cr_expect_eq(guest_errno(), ENOENT);
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_NO_MORE_FILES);
    cr_expect_eq(_findclose(handle), 0);
    cr_expect_eq(_findclose(handle), -1);
    free(wide);
}
