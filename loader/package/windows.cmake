# Windows: the parser, and what of the command needs no more than that.
file(GLOB cli_sources CONFIGURE_DEPENDS loader/cli/windows/*.c loader/cli/inspect/*.c)
foreach(name args commands json ordinals text utf)
  list(APPEND cli_sources loader/cli/${name}.c)
endforeach()

add_executable(peload ${cli_sources} loader/section/diag.c)
target_include_directories(peload PRIVATE loader)
target_compile_definitions(peload PRIVATE UNICODE __USE_MINGW_ANSI_STDIO=1 PELOAD_VERSION="${PROJECT_VERSION}")
target_link_libraries(peload PRIVATE peload_pe bcrypt)
target_link_options(peload PRIVATE -municode -static)
