# What `cmake --install` lays down: headers, shared libraries and archives, a CMake package and
# pkg-config files. The prefix may be moved afterwards: nothing holds it as an absolute path.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
set(weir_headers_of_agent REGEX "/agent\\.h$" EXCLUDE)
if(WEIR_AGENT)
    set(weir_headers_of_agent)
endif()
install(DIRECTORY include/weir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" ${weir_headers_of_agent})
install(TARGETS ${weir_public_targets} EXPORT weir-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT weir-targets NAMESPACE weir:: DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/weir-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES weir-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/weir-config-version.cmake
        DESTINATION ${package_dir})

# The way from the .pc files to the prefix; an absolute libdir cannot be moved and stands as it is.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(pc_prefix ${CMAKE_INSTALL_PREFIX})
    set(pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
    file(RELATIVE_PATH up /${pc_dir} /)
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    set(pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
set(packages weir)
if(WEIR_AGENT)
    list(APPEND packages weir-agent weir-agent-http)
    foreach(private agent agent_http)
        list(TRANSFORM weir_${private}_private REPLACE "^([^-].*)$" "-l\\1")
        list(JOIN weir_${private}_private " " pc_${private}_private)
    endforeach()
endif()
foreach(pc IN LISTS packages)
    configure_file(${pc}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc DESTINATION ${pc_dir})
endforeach()

# All that is laid down, for who does not build all: `cmake --install` builds nothing itself.
add_custom_target(weir_installable DEPENDS ${weir_public_targets})
