/* needy.dll: needs a DLL that does not exist, for the tests of missing imports. */
__declspec(dllimport) int absent_one(void);
__declspec(dllimport) int absent_two(void);

__declspec(dllexport) int needs_nothing(void)
{
    return 5;
}

__declspec(dllexport) int needs_both(void)
{
    return absent_one() + absent_two();
}
