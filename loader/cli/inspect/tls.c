#include "report.h"

static uint32_t pointer_size(const inspect_report *report)
{
    return pe_is_64(report->image) ? 8 : 4;
}

static void show_directory(inspect_report *report, const pe_tls *tls)
{
    inspect_open_record(report, "directory", INSPECT_BLOCK);
    inspect_range(report, "rva", tls->directory.value, 4 * pointer_size(report) + 8);
    inspect_hex(report, "data_start", tls->data_start, 1);
    inspect_hex(report, "data_end", tls->data_end, 1);
    inspect_hex(report, "index", tls->index, 1);
    inspect_hex(report, "callbacks", tls->callbacks, 1);
    inspect_number(report, "zero_fill", tls->zero_fill);
    inspect_hex(report, "characteristics", tls->characteristics, 8);
    inspect_close_record(report);
}

static void show_callback(inspect_report *report, pe_rva at, uint64_t address)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", at.value, pointer_size(report));
    inspect_hex(report, "address", address, 1);
    inspect_close_record(report);
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
    if (is_there)
        status = show_callbacks(report, &tls, &count);
    inspect_close_items(report, count);
    if (is_there)
        show_directory(report, &tls);
    else if (report->json != NULL)
        cli_json_null(report->json, "directory");
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
