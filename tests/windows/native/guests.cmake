# Images that test_native loads, in guest/ beside the test programs.
find_program(PELOAD_WINDOWS_CXX x86_64-w64-mingw32-g++)
find_program(PELOAD_WINDOWS_CLANG NAMES clang clang-14)
find_program(PELOAD_WINDOWS_LLD_LINK NAMES lld-link lld-link-14)
find_program(PELOAD_WINDOWS_DLLTOOL x86_64-w64-mingw32-dlltool)
find_program(PELOAD_WINDOWS_WINDRES x86_64-w64-mingw32-windres)
find_file(PELOAD_WINDOWS_ZLIB zlib1.dll PATHS /usr/x86_64-w64-mingw32/bin /usr/x86_64-w64-mingw32/lib NO_DEFAULT_PATH
          NO_CMAKE_FIND_ROOT_PATH)
set(native_from ${CMAKE_CURRENT_LIST_DIR}/guest)
set(native_to ${CMAKE_CURRENT_BINARY_DIR}/guest)
file(MAKE_DIRECTORY ${native_to})

# peload_native_guest(FILE DEPENDENCIES... COMMAND ...)
function(peload_native_guest file)
  cmake_parse_arguments(GUEST "" "" "FROM;COMMAND" ${ARGN})
  list(TRANSFORM GUEST_FROM PREPEND ${native_from}/)
  add_custom_command(OUTPUT ${native_to}/${file} COMMAND ${GUEST_COMMAND} DEPENDS ${GUEST_FROM} ${GUEST_UNPARSED_ARGUMENTS}
                     WORKING_DIRECTORY ${native_to} VERBATIM)
  set_property(DIRECTORY APPEND PROPERTY native_guests ${native_to}/${file})
endfunction()

# peload_native_dll(FILE SOURCE [FLAG]...)
function(peload_native_dll file source)
  peload_native_guest(${file} FROM ${source}
    COMMAND ${CMAKE_C_COMPILER} -std=c17 -O2 -Wall -Wextra -shared -static -o ${file} ${native_from}/${source} ${ARGN})
endfunction()

# peload_native_import(FILE DEF): an import library.
function(peload_native_import file def)
  peload_native_guest(${file} FROM ${def} COMMAND ${PELOAD_WINDOWS_DLLTOOL} -d ${native_from}/${def} -l ${file})
endfunction()

# peload_native_bare(FILE SOURCE ENTRY [FLAG]...): as Microsoft's compiler makes it, without a C runtime.
function(peload_native_bare file source entry)
  if(NOT PELOAD_WINDOWS_CLANG OR NOT PELOAD_WINDOWS_LLD_LINK)
    return()
  endif()
  set(kind -dll)
  if(file MATCHES "exe$")
    set(kind -subsystem:console)
  endif()
  add_custom_command(OUTPUT ${native_to}/${file}
    COMMAND ${PELOAD_WINDOWS_CLANG} --target=x86_64-pc-windows-msvc -O2 -Wall -Wextra -fms-extensions -fexceptions
            -fcxx-exceptions -Wno-unused-command-line-argument -ffreestanding ${ARGN} -c -o ${file}.o
            ${native_from}/${source}
    COMMAND ${PELOAD_WINDOWS_LLD_LINK} ${kind} ${entry} -nodefaultlib -fixed:no -out:${file} ${file}.o libkernel32.a libmsvcrt.a
            liboldtimes.a libmissing.a libmsvc.a
    DEPENDS ${native_from}/${source} ${native_from}/events.h ${native_to}/libkernel32.a ${native_to}/libmsvcrt.a
            ${native_to}/liboldtimes.a ${native_to}/libmissing.a ${native_to}/libmsvc.a
    WORKING_DIRECTORY ${native_to} VERBATIM)
  set_property(DIRECTORY APPEND PROPERTY native_guests ${native_to}/${file})
endfunction()

peload_native_import(libkernel32.a kernel32.def)
peload_native_import(libmsvcrt.a msvcrt.def)
peload_native_import(liboldtimes.a oldtimes.def)
peload_native_import(libmissing.a missing.def)
peload_native_import(libmsvc.a msvc.def)
peload_native_dll(counter.dll counter.c)
peload_native_bare(events.dll events.c -entry:DllMain)
peload_native_bare(refuses.dll entry.c -entry:DllMain "-DHOW=return 0")
peload_native_bare(raises.dll entry.c -entry:DllMain "-DHOW=RaiseException(0xE0001234, 1, 0, 0)")
peload_native_bare(missing.dll missing.c -noentry)
peload_native_bare(msvc.dll msvc.cpp -noentry)
peload_native_bare(msvc_other.dll msvc_other.cpp -noentry)

peload_native_guest(asks.o FROM asks.rc COMMAND ${PELOAD_WINDOWS_WINDRES} -o asks.o ${native_from}/asks.rc)
peload_native_guest(asks.dll ${native_to}/asks.o FROM asks.c
  COMMAND ${CMAKE_C_COMPILER} -std=c17 -O2 -Wall -Wextra -shared -static -o asks.dll ${native_from}/asks.c asks.o)

peload_native_dll(last.dll last.c)
peload_native_bare(program.exe program.c -entry:start)

# Two DLLs that share GCC's C++ runtime, which is loaded with them.
if(PELOAD_WINDOWS_CXX)
  set(native_cxx ${PELOAD_WINDOWS_CXX} -std=c++17 -O2 -Wall -Wextra -shared)
  peload_native_guest(throw.dll FROM throw.cpp COMMAND ${native_cxx} -o throw.dll ${native_from}/throw.cpp)
  peload_native_guest(catch.dll ${native_to}/throw.dll FROM catch.cpp
    COMMAND ${native_cxx} -o catch.dll ${native_from}/catch.cpp throw.dll)
  foreach(runtime libstdc++-6.dll libgcc_s_seh-1.dll)
    execute_process(COMMAND ${PELOAD_WINDOWS_CXX} -print-file-name=${runtime} OUTPUT_VARIABLE file
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    peload_native_guest(${runtime} COMMAND ${CMAKE_COMMAND} -E copy ${file} ${runtime})
  endforeach()
endif()
if(PELOAD_WINDOWS_ZLIB)
  # Under a name of its own: in place of a zlib1.dll Wine maps the one that it has.
  peload_native_guest(zlib_copy.dll COMMAND ${CMAKE_COMMAND} -E copy ${PELOAD_WINDOWS_ZLIB} zlib_copy.dll)
endif()

get_property(native_guests DIRECTORY PROPERTY native_guests)
add_custom_target(native_guests DEPENDS ${native_guests})
add_dependencies(test_native native_guests)

# The library in a DLL, for what the system tells a program and a DLL of in different ways.
add_library(test_native_host SHARED ${CMAKE_CURRENT_LIST_DIR}/dll/host.c)
set_target_properties(test_native_host PROPERTIES PREFIX "")
target_link_libraries(test_native_host PRIVATE peload_static)
target_link_options(test_native_host PRIVATE -static)
add_dependencies(test_native test_native_host)
