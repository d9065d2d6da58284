/*
 * windows_native.c: native.h: sections and views. Calls and structures are those of Microsoft's
 * "wdm.h" and "ntifs.h", which the compiler's headers lack.
 */
#include "os/native.h"
#include "os/windows.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <winternl.h>

NTSTATUS NTAPI NtCreateSection(HANDLE *ret_section, ACCESS_MASK access,
                               const OBJECT_ATTRIBUTES *attributes, const LARGE_INTEGER *size,
                               ULONG protect, ULONG section_attributes, HANDLE file);
NTSTATUS NTAPI NtOpenSection(HANDLE *ret_section, ACCESS_MASK access,
                             const OBJECT_ATTRIBUTES *attributes);
NTSTATUS NTAPI NtQuerySection(HANDLE section, ULONG kind, void *ret_facts, SIZE_T size,
                              SIZE_T *ret_size);
NTSTATUS NTAPI NtMapViewOfSection(HANDLE section, HANDLE process, void **base, ULONG_PTR zero_bits,
                                  SIZE_T commit_size, LARGE_INTEGER *offset, SIZE_T *size,
                                  ULONG inherits, ULONG allocation_type, ULONG protect);
NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE process, void *base);
NTSTATUS NTAPI NtProtectVirtualMemory(HANDLE process, void **base, SIZE_T *size, ULONG protect,
                                      ULONG *ret_old);
NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE process, void **base, ULONG_PTR zero_bits,
                                       SIZE_T *size, ULONG type, ULONG protect);
NTSTATUS NTAPI NtFlushVirtualMemory(HANDLE process, const void **base, SIZE_T *size,
                                    IO_STATUS_BLOCK *block);
NTSTATUS NTAPI NtQueryVirtualMemory(HANDLE process, const void *address, ULONG kind,
                                    void *ret_facts, SIZE_T size, SIZE_T *ret_size);

_Static_assert(LDR_SEC_IMAGE == SEC_IMAGE && LDR_SEC_COMMIT == SEC_COMMIT &&
                   LDR_SEC_RESERVE == SEC_RESERVE && LDR_SECTION_MAP_READ == SECTION_MAP_READ,
               "section.h has the system's values");

/* ---- What statuses are in our words ---- */

/* [MS-ERREF] 2.3.1; values that no rule of ours gives. */
enum {
    NT_INVALID_PARAMETER_MIX = 0xC0000030,
    NT_QUOTA_EXCEEDED = 0xC0000044,
    NT_DELETE_PENDING = 0xC0000056,
    NT_FILE_IS_A_DIRECTORY = 0xC00000BA,
    NT_INVALID_PARAMETER_1 = 0xC00000EF,
    NT_INVALID_PARAMETER_12 = 0xC00000FA,
    NT_NOT_A_DIRECTORY = 0xC0000103,
    NT_TOO_MANY_OPENED_FILES = 0xC000011F,
    NT_FILE_DELETED = 0xC0000123,
    NT_INVALID_IMAGE_WIN_32 = 0xC0000359,
    NT_INVALID_IMAGE_WIN_64 = 0xC000035A,
    NT_POLICY_FIRST = 0xC0000361,
    NT_POLICY_LAST = 0xC0000364,
    NT_INVALID_IMAGE_HASH = 0xC0000428,
    NT_CODE_INTEGRITY = 0xC0E9, /* FACILITY_SYSTEM_INTEGRITY, an error */
};

static const struct {
    uint32_t nt;
    ldr_status status;
} statuses[] = {
    {PE_NT_NO_MEMORY, LDR_NO_MEMORY},
    {PE_NT_INSUFFICIENT_RESOURCES, LDR_NO_MEMORY},
    {PE_NT_COMMITMENT_LIMIT, LDR_NO_MEMORY},
    {NT_QUOTA_EXCEEDED, LDR_NO_MEMORY},
    {PE_NT_NO_SUCH_FILE, LDR_FILE_NOT_FOUND},
    {PE_NT_OBJECT_NAME_NOT_FOUND, LDR_FILE_NOT_FOUND},
    {PE_NT_OBJECT_PATH_NOT_FOUND, LDR_FILE_NOT_FOUND},
    {NT_NOT_A_DIRECTORY, LDR_FILE_NOT_FOUND},
    {NT_DELETE_PENDING, LDR_FILE_NOT_FOUND},
    {NT_FILE_DELETED, LDR_FILE_NOT_FOUND},
    {NT_FILE_IS_A_DIRECTORY, LDR_NOT_A_FILE},
    {PE_NT_INVALID_FILE_FOR_SECTION, LDR_NOT_A_FILE},
    {PE_NT_IN_PAGE_ERROR, LDR_IO_ERROR},
    {PE_NT_OBJECT_NAME_COLLISION, LDR_EXISTS},
    {PE_NT_ACCESS_DENIED, LDR_ACCESS_DENIED},
    {PE_NT_PRIVILEGE_NOT_HELD, LDR_ACCESS_DENIED},
    {PE_NT_SECTION_PROTECTION, LDR_ACCESS_DENIED},
    {PE_NT_ALREADY_COMMITTED, LDR_ACCESS_DENIED},
    {PE_NT_SHARING_VIOLATION, LDR_SHARING_VIOLATION},
    {PE_NT_CANNOT_DELETE, LDR_BUSY},
    {PE_NT_USER_MAPPED_FILE, LDR_BUSY},
    {PE_NT_SECTION_TOO_BIG, LDR_TOO_BIG},
    {PE_NT_DISK_FULL, LDR_DISK_FULL},
    {PE_NT_INVALID_IMAGE_FORMAT, LDR_IMAGE_REFUSED},
    {PE_NT_INVALID_IMAGE_NE_FORMAT, LDR_IMAGE_REFUSED},
    {PE_NT_INVALID_IMAGE_LE_FORMAT, LDR_IMAGE_REFUSED},
    {PE_NT_INVALID_IMAGE_NOT_MZ, LDR_IMAGE_REFUSED},
    {PE_NT_INVALID_IMAGE_PROTECT, LDR_IMAGE_REFUSED},
    {PE_NT_INVALID_IMAGE_WIN_16, LDR_IMAGE_REFUSED},
    {NT_INVALID_IMAGE_WIN_32, LDR_IMAGE_REFUSED},
    {NT_INVALID_IMAGE_WIN_64, LDR_IMAGE_REFUSED},
    {NT_INVALID_IMAGE_HASH, LDR_ACCESS_DENIED},
    {PE_NT_CONFLICTING_ADDRESSES, LDR_ADDRESS_BUSY},
    {PE_NT_INVALID_PARAMETER, LDR_INVALID_ARGUMENT},
    {NT_INVALID_PARAMETER_MIX, LDR_INVALID_ARGUMENT},
    {PE_NT_INVALID_PAGE_PROTECTION, LDR_INVALID_ARGUMENT},
    {PE_NT_INVALID_VIEW_SIZE, LDR_INVALID_ARGUMENT},
    {PE_NT_MAPPED_ALIGNMENT, LDR_INVALID_ARGUMENT},
    {PE_NT_MAPPED_FILE_SIZE_ZERO, LDR_INVALID_ARGUMENT},
    {PE_NT_NOT_MAPPED_VIEW, LDR_INVALID_ARGUMENT},
    {PE_NT_NOT_MAPPED_DATA, LDR_INVALID_ARGUMENT},
    {PE_NT_NOT_COMMITTED, LDR_INVALID_ARGUMENT},
    {PE_NT_OBJECT_NAME_INVALID, LDR_INVALID_ARGUMENT},
    {PE_NT_OBJECT_PATH_SYNTAX_BAD, LDR_INVALID_ARGUMENT},
    {PE_NT_OBJECT_TYPE_MISMATCH, LDR_INVALID_ARGUMENT},
};

/* By AppLocker's like (STATUS_ACCESS_DISABLED_BY_POLICY_...) or code integrity, which has a
 * facility of its own. */
static bool is_of_policy(uint32_t nt_status)
{
    return (nt_status >= NT_POLICY_FIRST && nt_status <= NT_POLICY_LAST) ||
           nt_status >> 16 == NT_CODE_INTEGRITY;
}

ldr_status ldr__native_status(uint32_t nt_status)
{
    if (nt_status < 0x80000000)
        return LDR_OK;
    if (is_of_policy(nt_status))
        return LDR_ACCESS_DENIED;
    if (nt_status >= NT_INVALID_PARAMETER_1 && nt_status <= NT_INVALID_PARAMETER_12)
        return LDR_INVALID_ARGUMENT;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].nt == nt_status)
            return statuses[i].status;
    }
    return LDR_OS_ERROR;
}

/* ---- Names ---- */

/*
 * The folder of the object manager where the names of this process are: that of its session, or of
 * the container that it runs in; names that start with Global\ and Local\ are found from there. It
 * is kernelbase's, and not to be closed.
 */
static HANDLE folder_of_names(void)
{
    NTSTATUS(NTAPI * get_folder)(HANDLE * ret_folder);
    HANDLE folder = NULL;
    FARPROC function =
        GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "BaseGetNamedObjectDirectory");
    memcpy(&get_folder, &function, sizeof get_folder);
    return function != NULL && get_folder(&folder) >= 0 ? folder : NULL;
}

/* What an object is called; the text belongs to it. */
typedef struct object_name {
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING text;
} object_name;

static uint32_t name_object(const char *name, ULONG flags, object_name *ret_name)
{
    wchar_t *wide = NULL;
    *ret_name = (object_name){.attributes = {.Length = sizeof(OBJECT_ATTRIBUTES)}};
    if (name == NULL || name[0] == '\0')
        return PE_NT_SUCCESS;
    ldr_status status = ldr__windows_wide(name, &wide);
    if (status != LDR_OK)
        return status == LDR_NO_MEMORY ? PE_NT_NO_MEMORY : PE_NT_OBJECT_NAME_INVALID;
    size_t size = wcslen(wide) * sizeof *wide;
    if (size > UINT16_MAX - sizeof *wide) {
        free(wide);
        return PE_NT_OBJECT_NAME_INVALID;
    }
    ret_name->text = (UNICODE_STRING){(USHORT)size, (USHORT)(size + sizeof *wide), wide};
    ret_name->attributes.ObjectName = &ret_name->text;
    ret_name->attributes.RootDirectory = folder_of_names();
    ret_name->attributes.Attributes = flags;
    return PE_NT_SUCCESS;
}

/* ---- Sections ---- */

uint32_t ldr__native_create(const ldr__native_request *request, ldr__handle *ret_section)
{
    object_name name;
    HANDLE section;
    LARGE_INTEGER size = {.QuadPart = (LONGLONG)request->maximum_size};
    uint32_t status = name_object(request->name, OBJ_OPENIF, &name);
    if (status != PE_NT_SUCCESS)
        return status;
    bool has_file = request->file.value != LDR__NO_HANDLE.value;
    status = (uint32_t)NtCreateSection(&section, request->access, &name.attributes,
                                       request->maximum_size != 0 ? &size : NULL, request->protect,
                                       request->attributes,
                                       has_file ? ldr__windows_handle(request->file) : NULL);
    free(name.text.Buffer);
    if (status < PE_NT_UNSUCCESSFUL)
        *ret_section = ldr__windows_wrap(section);
    return status;
}

uint32_t ldr__native_open(const char *name, uint32_t access, ldr__handle *ret_section)
{
    object_name object;
    HANDLE section;
    uint32_t status = name_object(name, 0, &object);
    if (status != PE_NT_SUCCESS)
        return status;
    status = (uint32_t)NtOpenSection(&section, access, &object.attributes);
    free(object.text.Buffer);
    if (status < PE_NT_UNSUCCESSFUL)
        *ret_section = ldr__windows_wrap(section);
    return status;
}

uint32_t ldr__native_facts(ldr__handle section, uint64_t *ret_size, uint32_t *ret_attributes)
{
    struct {
        void *base;
        ULONG attributes;
        LARGE_INTEGER size;
    } facts;
    enum { SECTION_BASIC_INFORMATION = 0 };
    uint32_t status = (uint32_t)NtQuerySection(
        ldr__windows_handle(section), SECTION_BASIC_INFORMATION, &facts, sizeof facts, NULL);
    if (status < PE_NT_UNSUCCESSFUL) {
        *ret_size = (uint64_t)facts.size.QuadPart;
        *ret_attributes = facts.attributes;
    }
    return status;
}

/* ---- Views ---- */

uint32_t ldr__native_map(ldr__handle section, ldr__native_place *place)
{
    enum { NOT_FOR_CHILDREN = 2 }; /* ViewUnmap */
    void *base = (void *)(uintptr_t)place->base;
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)place->offset};
    SIZE_T size = place->size;
    uint32_t status =
        (uint32_t)NtMapViewOfSection(ldr__windows_handle(section), GetCurrentProcess(), &base,
                                     place->zero_bits, place->commit_size, &offset, &size,
                                     NOT_FOR_CHILDREN, place->allocation_type, place->protect);
    if (status >= PE_NT_UNSUCCESSFUL)
        return status;
    /* Wine maps an image elsewhere then. */
    if (place->base != 0 && (uintptr_t)base != place->base) {
        ldr__native_unmap(base);
        return PE_NT_CONFLICTING_ADDRESSES;
    }
    place->base = (uintptr_t)base;
    place->size = size;
    return status;
}

void ldr__native_unmap(void *base)
{
    NtUnmapViewOfSection(GetCurrentProcess(), base);
}

uint32_t ldr__native_protect(void *address, uint64_t size, uint32_t protect, uint32_t *ret_old)
{
    SIZE_T bytes = size;
    ULONG old;
    uint32_t status =
        (uint32_t)NtProtectVirtualMemory(GetCurrentProcess(), &address, &bytes, protect, &old);
    if (status < PE_NT_UNSUCCESSFUL)
        *ret_old = old;
    return status;
}

uint32_t ldr__native_commit(void *address, uint64_t size, uint32_t protect)
{
    SIZE_T bytes = size;
    return (uint32_t)NtAllocateVirtualMemory(GetCurrentProcess(), &address, 0, &bytes, MEM_COMMIT,
                                             protect);
}

uint32_t ldr__native_flush(void *address, uint64_t size)
{
    const void *start = address;
    SIZE_T bytes = size;
    IO_STATUS_BLOCK block;
    return (uint32_t)NtFlushVirtualMemory(GetCurrentProcess(), &start, &bytes, &block);
}

uint32_t ldr__native_query(const void *address, ldr__native_region *ret_region)
{
    enum { MEMORY_BASIC_INFORMATION_KIND = 0 };
    MEMORY_BASIC_INFORMATION facts;
    uint32_t status = (uint32_t)NtQueryVirtualMemory(
        GetCurrentProcess(), address, MEMORY_BASIC_INFORMATION_KIND, &facts, sizeof facts, NULL);
    if (status >= PE_NT_UNSUCCESSFUL)
        return status;
    bool is_free = facts.State == MEM_FREE;
    *ret_region = (ldr__native_region){
        .allocation_base = is_free ? 0 : (uintptr_t)facts.AllocationBase,
        .start = (uintptr_t)facts.BaseAddress,
        .size = facts.RegionSize,
        .protect = facts.State == MEM_COMMIT ? facts.Protect : 0,
        .allocation_protect = is_free ? 0 : facts.AllocationProtect,
        .is_committed = facts.State == MEM_COMMIT,
        .type = is_free ? 0 : facts.Type,
    };
    return status;
}
