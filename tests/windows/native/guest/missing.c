/* missing.c: imports that nobody provides. */
__declspec(dllimport) int absent(int value);
__declspec(dllimport) int __stdcall GetTickCountOfOldTimes(void);

__declspec(dllexport) int call_absent(void)
{
    return absent(3) + 40;
}

__declspec(dllexport) int call_old(void)
{
    return GetTickCountOfOldTimes();
}
