# What `cmake --install` puts where: headers, three libraries, the command, and how others find them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS peload_pe peload_static peload_shared EXPORT peloadTargets)
install(TARGETS peload)
install(FILES ${peload_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/peload)
install(FILES ${pe_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/peload/pe)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/peload)
install(EXPORT peloadTargets NAMESPACE peload:: DESTINATION ${package_folder})
configure_package_config_file(loader/package/peloadConfig.cmake.in ${PROJECT_BINARY_DIR}/peloadConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/peloadConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/peloadConfig.cmake ${PROJECT_BINARY_DIR}/peloadConfigVersion.cmake
        DESTINATION ${package_folder})

# Paths in the .pc files are relative to them, so that an installed folder can be moved.
file(RELATIVE_PATH prefix_from_pkgconfig ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(name peload peload-pe)
  configure_file(loader/package/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
