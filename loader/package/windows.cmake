# Windows, with mingw-w64: the same libraries and the command. What the DLL exports is said by the list for Linux.
set(peload_windows_libraries ntdll bcrypt)
add_library(peload_objects OBJECT ${pe_sources} ${loader_sources} ${os_sources})
target_include_directories(peload_objects PUBLIC ${PROJECT_BINARY_DIR}/include PRIVATE loader ${PROJECT_SOURCE_DIR})
target_compile_definitions(peload_objects PRIVATE UNICODE __USE_MINGW_ANSI_STDIO=1)

add_library(peload_static STATIC $<TARGET_OBJECTS:peload_objects>)
set_target_properties(peload_static PROPERTIES OUTPUT_NAME peload EXPORT_NAME loader_static)
add_library(peload::loader_static ALIAS peload_static)
target_link_libraries(peload_static PUBLIC ${peload_windows_libraries})
target_include_directories(peload_static PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                           $<INSTALL_INTERFACE:include>)

# libpeload.dll, which has all of it inside, and its import library.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS loader/package/exports.map)
file(READ loader/package/exports.map exports)
string(REGEX MATCHALL "\n    [a-z0-9_]+" exports "${exports}")
string(JOIN "" exports EXPORTS ${exports})
file(CONFIGURE OUTPUT peload.def CONTENT "${exports}\n" @ONLY)
add_library(peload_shared SHARED $<TARGET_OBJECTS:peload_objects> ${PROJECT_BINARY_DIR}/peload.def)
set_target_properties(peload_shared PROPERTIES OUTPUT_NAME peload EXPORT_NAME loader)
add_library(peload::loader ALIAS peload_shared)
target_link_libraries(peload_shared PRIVATE ${peload_windows_libraries})
target_link_options(peload_shared PRIVATE -static)
target_include_directories(peload_shared PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                           $<INSTALL_INTERFACE:include>)

# mingw's threads, which are linked in.
add_executable(peload ${cli_sources} loader/cli/windows/main.c)
target_include_directories(peload PRIVATE loader)
target_compile_definitions(peload PRIVATE UNICODE __USE_MINGW_ANSI_STDIO=1 PELOAD_VERSION="${PROJECT_VERSION}")
target_link_libraries(peload PRIVATE peload_static Threads::Threads bcrypt)
# Away from where programs and DLLs want to be.
target_link_options(peload PRIVATE -municode -static -Wl,--image-base,0x5e0000000000)

set(peload_private_libraries "-lntdll -lbcrypt")
include(loader/package/install.cmake)
add_subdirectory(samples)
if(PELOAD_TESTS)
  enable_testing()
  add_subdirectory(tests/windows)
  include(tests/conformance/windows.cmake)
endif()
