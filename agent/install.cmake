# What `cmake --install` lays down: headers, shared libraries and archives, a CMake package and
# pkg-config files. The prefix may be moved afterwards: nothing holds it as an absolute path.
include(CMakePackageConfigHelpers)

add_library(weir_static STATIC $<TARGET_OBJECTS:weir_core_objects>)
set_target_properties(weir_static PROPERTIES OUTPUT_NAME weir)
# tokio-console's and the health service's messages are the console's and the tests' alone: the agent writes
# them by hand.
add_library(weir_agent_static STATIC $<TARGET_OBJECTS:weir_exporter_objects>
            $<FILTER:$<TARGET_OBJECTS:weir_proto>,EXCLUDE,tokio/console|grpc/health>)
set_target_properties(weir_agent_static PROPERTIES OUTPUT_NAME weir-agent)
foreach(archive weir_static weir_agent_static)
    set_target_properties(${archive} PROPERTIES LINKER_LANGUAGE C)
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
install(DIRECTORY include/weir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS weir_library weir_agent_library EXPORT weir-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS weir_static weir_agent_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
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
foreach(pc weir weir-agent)
    configure_file(${pc}.pc.in ${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${pc}.pc DESTINATION ${pc_dir})
endforeach()
