#include "report.h"

#include <inttypes.h>

static uint32_t pointer_size(const inspect_report *report)
{
    return pe_is_64(report->image) ? 8 : 4;
}

static void directory_json(const inspect_report *report, const pe_tls *tls)
{
    cli_json *json = report->json;
    cli_json_open(json, "directory", '{');
    inspect_json_range(json, "rva", tls->directory.value, 4 * pointer_size(report) + 8);
    cli_json_hex(json, "data_start", tls->data_start, 1);
    cli_json_hex(json, "data_end", tls->data_end, 1);
    cli_json_hex(json, "index", tls->index, 1);
    cli_json_hex(json, "callbacks", tls->callbacks, 1);
    cli_json_number(json, "zero_fill", tls->zero_fill);
    cli_json_hex(json, "characteristics", tls->characteristics, 8);
    cli_json_close(json, '}');
}

static void directory_text(const pe_tls *tls)
{
    printf("  %-28s0x%" PRIx64 "\n", "data_start", tls->data_start);
    printf("  %-28s0x%" PRIx64 "\n", "data_end", tls->data_end);
    printf("  %-28s0x%" PRIx64 "\n", "index", tls->index);
    printf("  %-28s0x%" PRIx64 "\n", "callbacks", tls->callbacks);
    printf("  %-28s%u\n", "zero_fill", tls->zero_fill);
    printf("  %-28s0x%08x\n", "characteristics", tls->characteristics);
}

static void show_callback(const inspect_report *report, pe_rva at, uint64_t address)
{
    cli_json *json = report->json;
    if (json == NULL) {
        printf("  %-28s0x%" PRIx64 "\n", "callback", address);
        return;
    }
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", at.value, pointer_size(report));
    cli_json_hex(json, "address", address, 1);
    cli_json_close(json, '}');
}

/* The array of callbacks is at an address for the image at its preferred base. */
static pe_status show_callbacks(inspect_report *report, const pe_tls *tls, uint64_t *count)
{
    const pe_image *image = report->image;
    pe_rva at;
    if (tls->callbacks == 0)
        return PE_OK;
    pe_status status = pe_va_to_rva(image, image->optional.image_base, tls->callbacks, &at);
    while (status == PE_OK) {
        uint64_t address;
        status = pe_read_pointer(image, at, &address);
        if (status != PE_OK || address == 0)
            break;
        if (!inspect_charge(report, (pe_span){0}) || at.value > UINT32_MAX - pointer_size(report))
            return PE_OUT_OF_BOUNDS;
        show_callback(report, at, address);
        *count += 1;
        at.value += pointer_size(report);
    }
    return status;
}

void inspect_tls(inspect_report *report)
{
    pe_tls tls;
    uint64_t count = 0;
    pe_status status = pe_tls_open(report->image, &tls);
    bool is_there = status == PE_OK;

    inspect_open_table(report, "tls");
    if (is_there && report->json == NULL)
        directory_text(&tls);
    if (is_there)
        status = show_callbacks(report, &tls, &count);
    if (report->json != NULL) {
        cli_json_close(report->json, ']');
        if (is_there)
            directory_json(report, &tls);
        else
            cli_json_null(report->json, "directory");
        cli_json_number(report->json, "count", count);
    }
    inspect_table_status(report, status == PE_NOT_PRESENT ? PE_OK : status);
    if (report->json != NULL)
        cli_json_close(report->json, '}');
}
