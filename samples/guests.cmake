# peload_guest(FILE SOURCE...): builds the Windows image FILE in the guests' folder of this directory.
#   FLAGS ...   further arguments for the compiler
#   NEEDS ...   other guests of this directory that it is linked with
# Guests are skipped, with a message, where the cross compiler is missing.
find_program(PELOAD_GUEST_CC x86_64-w64-mingw32-gcc)
find_program(PELOAD_GUEST_DLLTOOL x86_64-w64-mingw32-dlltool)
find_program(PELOAD_GUEST_LLD_LINK NAMES lld-link lld-link-14)
if(PELOAD_GUEST_CC AND PELOAD_GUEST_DLLTOOL)
  set(PELOAD_HAVE_GUESTS TRUE)
else()
  set(PELOAD_HAVE_GUESTS FALSE)
  message(STATUS "x86_64-w64-mingw32-gcc is missing (Debian: gcc-mingw-w64-x86-64): guest images are skipped")
endif()

# The command in common: makes FILE in guest/ of the binary directory and remembers it.
function(peload_guest_command file)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/guest)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${folder}/${file} ${ARGN} WORKING_DIRECTORY ${folder} VERBATIM)
  set_property(DIRECTORY APPEND PROPERTY peload_guests ${folder}/${file})
endfunction()

function(peload_guest file)
  cmake_parse_arguments(GUEST "" "" "FLAGS;NEEDS" ${ARGN})
  list(TRANSFORM GUEST_UNPARSED_ARGUMENTS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/guest/ OUTPUT_VARIABLE sources)
  list(TRANSFORM GUEST_NEEDS PREPEND ${CMAKE_CURRENT_BINARY_DIR}/guest/ OUTPUT_VARIABLE needs)
  peload_guest_command(${file}
    COMMAND ${PELOAD_GUEST_CC} -std=c17 -O2 -Wall -Wextra -o ${file} ${sources} ${GUEST_NEEDS} ${GUEST_FLAGS}
    DEPENDS ${sources} ${needs})
endfunction()

# peload_guest_import(FILE DEF): an import library from a list of functions in guest/DEF.
function(peload_guest_import file def)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/guest/${def})
  peload_guest_command(${file} COMMAND ${PELOAD_GUEST_DLLTOOL} -d ${source} -l ${file} DEPENDS ${source})
endfunction()

# peload_guest_target(NAME): one target for all guests of this directory.
function(peload_guest_target name)
  get_property(guests DIRECTORY PROPERTY peload_guests)
  add_custom_target(${name} ALL DEPENDS ${guests})
endfunction()
