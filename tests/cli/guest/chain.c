/* chain.dll: see chain.def. */
int step_40(void)
{
    return 40;
}
