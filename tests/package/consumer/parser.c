/* Uses the parser alone. */
#include <peload/pe.h>
#include <stdio.h>

int main(void)
{
    pe_image image;
    pe_diag diag;
    pe_status status = pe_open((pe_span){(const uint8_t *)"MZ", 2}, PE_LAYOUT_FILE, &image, &diag);
    printf("%s\n", pe_status_text(status));
    return status == PE_REFUSED ? 0 : 1;
}
