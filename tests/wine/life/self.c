/* self.c: the part of s.dll that imports what s.dll exports. */
__declspec(dllimport) int s_import(int a);

int call_itself(int a)
{
    return s_import(a);
}
