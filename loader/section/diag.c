#include "section/diag.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ldr_status_text(ldr_status status)
{
    switch (status) {
#define X(name, number, text) \
    case LDR_##name:          \
        return text;
        LDR_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

const char *ldr_protect_name(uint32_t protect)
{
#define NAMES(name)                                                   \
    {                                                                 \
        LDR_PAGE_##name, "PAGE_" #name, "PAGE_" #name " | PAGE_GUARD" \
    }
    static const struct {
        uint32_t protect;
        const char *name, *guarded;
    } all[] = {NAMES(NOACCESS),          NAMES(READONLY),         NAMES(READWRITE),
               NAMES(WRITECOPY),         NAMES(EXECUTE),          NAMES(EXECUTE_READ),
               NAMES(EXECUTE_READWRITE), NAMES(EXECUTE_WRITECOPY)};
#undef NAMES
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (protect == all[i].protect)
            return all[i].name;
        if (protect == (all[i].protect | LDR_PAGE_GUARD))
            return all[i].guarded;
    }
    return "0";
}

const char *ldr_backing_name(ldr_backing backing)
{
    switch (backing) {
    case LDR_BACKING_FILE:
        return "file";
    case LDR_BACKING_SEGMENT:
        return "segment";
    case LDR_BACKING_ZERO:
        return "zero";
    case LDR_BACKING_SHARED:
        return "shared";
    case LDR_BACKING_PRIVATE:
        return "private";
    case LDR_BACKING_RELOCATED:
        return "relocated";
    case LDR_BACKING_NONE:
        break;
    }
    return "none";
}

/* ---- Making diagnostics ---- */

/* Cuts at the start of a UTF-8 sequence, not inside one. */
void ldr__copy_text(char *target, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    memmove(target, text, length);
    target[length] = '\0';
}

ldr_status ldr__fail_why(ldr_diag *diag, ldr_status status, const pe_diag *why, const char *subject)
{
    if (diag == NULL)
        return status;
    diag->status = status;
    diag->why = *why;
    ldr__copy_text(diag->subject, sizeof diag->subject, subject != NULL ? subject : "");
    return status;
}

ldr_status ldr__fail(ldr_diag *diag, ldr_status status, uint32_t nt_status, const char *subject)
{
    return ldr__fail_why(diag, status, &(pe_diag){.nt_status = nt_status}, subject);
}

uint32_t ldr__nt_status_of(ldr_status status)
{
    switch (status) {
    case LDR_OK:
        return PE_NT_SUCCESS;
    case LDR_NO_MEMORY:
        return PE_NT_NO_MEMORY;
    case LDR_INVALID_ARGUMENT:
        return PE_NT_INVALID_PARAMETER;
    case LDR_FILE_NOT_FOUND:
        return PE_NT_NO_SUCH_FILE;
    case LDR_NOT_A_FILE:
        return PE_NT_INVALID_FILE_FOR_SECTION;
    case LDR_IO_ERROR:
        return PE_NT_IN_PAGE_ERROR;
    case LDR_ADDRESS_BUSY:
        return PE_NT_CONFLICTING_ADDRESSES;
    case LDR_ACCESS_DENIED:
        return PE_NT_ACCESS_DENIED;
    case LDR_SHARING_VIOLATION:
        return PE_NT_SHARING_VIOLATION;
    case LDR_TOO_BIG:
        return PE_NT_SECTION_TOO_BIG;
    case LDR_DISK_FULL:
        return PE_NT_DISK_FULL;
    case LDR_EXISTS:
        return PE_NT_OBJECT_NAME_COLLISION;
    case LDR_NAME_NOT_FOUND:
        return PE_NT_OBJECT_NAME_NOT_FOUND;
    case LDR_OS_ERROR: /* descriptors, threads or the like are short */
        return PE_NT_INSUFFICIENT_RESOURCES;
    default:
        return PE_NT_UNSUCCESSFUL;
    }
}

/* ---- Telling them ---- */

typedef struct text_buffer {
    char *text;
    size_t size, used;
} text_buffer;

__attribute__((format(printf, 2, 3))) static void append(text_buffer *out, const char *format, ...)
{
    if (out->used >= out->size)
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out->text + out->used, out->size - out->used, format, arguments);
    va_end(arguments);
    out->used += length > 0 ? (size_t)length : 0;
}

static void append_rule(text_buffer *out, const pe_diag *why)
{
    if (why->rule != NULL)
        append(out, ", rule %s at offset 0x%" PRIx64, why->rule, why->offset);
    if (why->detail != NULL)
        append(out, ": %s", why->detail);
    if (why->rule != NULL)
        append(out, " (found 0x%" PRIx64 ", allowed 0x%" PRIx64 ")", why->value, why->allowed);
}

const char *ldr_diag_text(const ldr_diag *diag, char *text, size_t size)
{
    if (size == 0)
        return text;
    text_buffer out = {.text = text, .size = size};
    text[0] = '\0';
    if (diag->subject[0] != '\0')
        append(&out, "%s: ", diag->subject);
    append(&out, "%s", ldr_status_text(diag->status));
    if (diag->why.nt_status != PE_NT_SUCCESS)
        append(&out, ": %s (0x%08" PRIx32 ")", pe_nt_status_name(diag->why.nt_status),
               diag->why.nt_status);
    append_rule(&out, &diag->why);
    return text;
}
