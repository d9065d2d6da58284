# Windows, with mingw-w64: the same libraries and the command. What the DLL exports is said by the list for Linux.
set(peload_windows_libraries ntdll bcrypt)
add_library(peload_objects OBJECT ${pe_sources} ${loader_sources} ${os_sources})
target_include_directories(peload_objects PUBLIC ${PROJECT_BINARY_DIR}/include PRIVATE loader ${PROJECT_SOURCE_DIR})
target_compile_definitions(peload_objects PRIVATE UNICODE __USE_MINGW_ANSI_STDIO=1)

add_library(peload_static STATIC $<TARGET_OBJECTS:peload_objects>)
set_target_properties(peload_static PROPERTIES OUTPUT_NAME peload EXPORT_NAME loader_static)
target_link_libraries(peload_static PUBLIC ${peload_windows_libraries})
target_include_directories(peload_static PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                           $<INSTALL_INTERFACE:include>)

# mingw's threads, which are linked in.
add_executable(peload ${cli_sources} loader/cli/windows/main.c)
target_include_directories(peload PRIVATE loader)
target_compile_definitions(peload PRIVATE UNICODE __USE_MINGW_ANSI_STDIO=1 PELOAD_VERSION="${PROJECT_VERSION}")
target_link_libraries(peload PRIVATE peload_static Threads::Threads bcrypt)
target_link_options(peload PRIVATE -municode -static)
if(NOT EXISTS ${PROJECT_SOURCE_DIR}/loader/native) # without it the library is not whole
  set_target_properties(peload PROPERTIES EXCLUDE_FROM_ALL TRUE)
endif()

if(PELOAD_TESTS)
  add_subdirectory(tests/windows)
endif()
