# How a test of each sort is built and registered.

set(weir_test_environment
    WEIR_BUILD=${CMAKE_BINARY_DIR}
    WEIR_SOURCE=${PROJECT_SOURCE_DIR}
    WEIR_SANITIZE=${WEIR_SANITIZE}
    CC=${CMAKE_C_COMPILER}
    # A sanitizer's report must fail the test, also in a program that a script starts.
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=66
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    TSAN_OPTIONS=halt_on_error=0:exitcode=66:second_deadlock_stack=1)

# Registers a test with what its file says of itself: `ctest: labels=a,b timeout=N parallel`.
function(weir_add_test name file label default_timeout)
    set(labels ${label})
    set(timeout ${default_timeout})
    set(serial OFF)
    if(label MATCHES "integration|screen|install|stress")
        set(serial ON)
    endif()
    file(STRINGS ${file} head LIMIT_COUNT 20 ENCODING UTF-8)
    foreach(line IN LISTS head)
        if(line MATCHES "ctest: (.*)")
            set(words "${CMAKE_MATCH_1}")
            if(words MATCHES "labels=([a-z,]+)")
                string(REPLACE "," ";" more "${CMAKE_MATCH_1}")
                list(APPEND labels ${more})
            endif()
            if(words MATCHES "timeout=([0-9]+)")
                set(timeout ${CMAKE_MATCH_1})
            endif()
            if(words MATCHES "parallel")
                set(serial OFF)
            endif()
        endif()
    endforeach()
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES
        ENVIRONMENT "${weir_test_environment}" LABELS "${labels}" TIMEOUT ${timeout}
        SKIP_RETURN_CODE 77 RUN_SERIAL ${serial})
    # A change of these lines is seen at the next build.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

function(weir_test_program name source)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE weir_flags weir_test_support)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

# One cmocka program. What it includes says what it is linked with.
function(weir_unit_test source)
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} includes REGEX "^#include")
    if(name MATCHES "^console_" AND NOT TARGET weir_console)
        return()
    endif()
    # A sanitizer has its own malloc and makes its own system calls.
    if(includes MATCHES "\"watch.h\"" AND WEIR_SANITIZE)
        return()
    endif()
    weir_test_program(${name} ${source})
    if(includes MATCHES "fake_world.h")
        target_link_libraries(${name} PRIVATE weir_fake_world)
    endif()
    if(name MATCHES "^console_")
        target_link_libraries(${name} PRIVATE weir_console)
    endif()
    target_link_libraries(${name} PRIVATE weir_exporter weir_proto PkgConfig::CMOCKA)
    if(includes MATCHES "failing_malloc.h")
        target_link_options(${name} PRIVATE
            -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free)
    endif()
    if(includes MATCHES "\"watch.h\"")
        target_sources(${name} PRIVATE support/watch.c)
    endif()
    weir_add_test(unit.${name} ${source} unit 60 $<TARGET_FILE:${name}>)
endfunction()

# One fuzz target. With WEIR_SANITIZE=fuzz a program of libFuzzer's, else one that goes through the
# corpus. What it is called and what it includes says what it is linked with.
function(weir_fuzz_target source)
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} includes REGEX "^#include")
    if(name MATCHES "^console_" AND NOT TARGET weir_console)
        return()
    endif()
    set(target fuzz_${name})
    add_executable(${target} ${source} fuzz/support/fuzz.c)
    target_include_directories(${target} PRIVATE fuzz/support support)
    target_link_libraries(${target} PRIVATE weir_flags)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fuzz)
    if(includes MATCHES "fuzz_world.h")
        target_sources(${target} PRIVATE fuzz/support/fuzz_world.c)
    endif()
    if(includes MATCHES "(fake|fuzz)_world.h")
        target_link_libraries(${target} PRIVATE weir_fake_world)
    endif()
    if(name MATCHES "^console_")
        target_link_libraries(${target} PRIVATE weir_console)
    endif()
    target_link_libraries(${target} PRIVATE weir_exporter weir_proto m)
    if(NOT TARGET fuzz)
        add_custom_target(fuzz)
    endif()
    add_dependencies(fuzz ${target})
    if(WEIR_SANITIZE STREQUAL "fuzz")
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${target} PRIVATE fuzz/support/replay.c)
    endif()
    # One thread: nothing for TSan to see.
    if(NOT WEIR_SANITIZE MATCHES "fuzz|thread")
        weir_add_test(fuzz.${name} ${source} "unit;fuzz" 120 $<TARGET_FILE:${target}>
            ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    endif()
endfunction()

function(weir_stress_test source)
    get_filename_component(name ${source} NAME_WE)
    weir_test_program(${name} ${source})
    target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:weir_exporter> weir_core)
    weir_add_test(stress.${name} ${source} stress 300 $<TARGET_FILE:${name}>)
endfunction()

# A script in integration/, screen/, lint/ or install/.
function(weir_script_test script)
    get_filename_component(name ${script} NAME_WE)
    get_filename_component(folder ${script} DIRECTORY)
    get_filename_component(label ${folder} NAME)
    weir_add_test(${label}.${name} ${script} ${label} 120 ${script})
endfunction()

# A benchmark: tests/bench/run starts it. Built by the target `bench` only.
function(weir_bench_program source)
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} includes REGEX "^#include")
    if((includes MATCHES "<glib.h>" AND NOT BENCH_GLIB_FOUND) OR (includes MATCHES "<uv.h>" AND NOT BENCH_UV_FOUND)
       OR NOT TARGET weir_exporter)
        return()
    endif()
    set(target bench_${name})
    add_executable(${target} EXCLUDE_FROM_ALL ${source} support/bench.c)
    target_include_directories(${target} PRIVATE support)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bench)
    target_link_libraries(${target} PRIVATE weir_flags)
    if(includes MATCHES "fake_world.h")
        target_link_libraries(${target} PRIVATE weir_fake_world)
    endif()
    # What an application would do is linked as an application links it.
    if(includes MATCHES "\"(snapshot|encode|segment|session|wire)/|fake_world.h")
        target_link_libraries(${target} PRIVATE weir_exporter weir_proto m)
    else()
        target_link_libraries(${target} PRIVATE weir::weir Threads::Threads)
    endif()
    if(includes MATCHES "<glib.h>")
        target_link_libraries(${target} PRIVATE PkgConfig::BENCH_GLIB)
    endif()
    if(includes MATCHES "<uv.h>")
        target_link_libraries(${target} PRIVATE PkgConfig::BENCH_UV)
    endif()
    if(NOT TARGET bench)
        add_custom_target(bench)
    endif()
    add_dependencies(bench ${target})
endfunction()
