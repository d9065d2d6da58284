/* chained.dll: needs the end of a long chain of forwarders. */
__declspec(dllimport) int step_0(void);

__declspec(dllexport) int last_step(void)
{
    return step_0();
}
