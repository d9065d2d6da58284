/*
 * fixed.dll: is an image without relocations (/FIXED) loaded at its own base and nowhere else?
 * It is linked to a low address, which is free also under AddressSanitizer.
 */
static int value = 7;
static int *volatile pointer = &value; /* an address in data, which nobody will fix up */

/* 7, through the address in data. */
__declspec(dllexport) int fixed_value(void)
{
    return *pointer;
}
