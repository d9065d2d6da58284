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

peload_native_dll(counter.dll counter.c)
if(PELOAD_WINDOWS_ZLIB)
  peload_native_guest(zlib1.dll COMMAND ${CMAKE_COMMAND} -E copy ${PELOAD_WINDOWS_ZLIB} zlib1.dll)
endif()

get_property(native_guests DIRECTORY PROPERTY native_guests)
add_custom_target(native_guests DEPENDS ${native_guests})
add_dependencies(test_native native_guests)
