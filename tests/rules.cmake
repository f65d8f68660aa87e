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

# What a file says of itself in its first 20 lines, as `ctest: WORD...`:
#     labels=a,b   labels besides that of its place: long is left to `tests/run --all`, slow is left out of
#                  `tests/run --quick`, plain means without sanitizers
#     timeout=N    seconds
#     alone        it measures: nothing else runs meanwhile
#     processors=N it keeps that many busy
#     folders=a,b  folders of the product that it tests, besides those whose headers it includes
#     own-program  it defines functions of a library itself, so it shares its program with no other file
# Sets HEAD_LABELS, HEAD_TIMEOUT, HEAD_PROCESSORS, HEAD_FOLDERS and HEAD_WORDS.
function(weir_read_head file default_timeout)
    set(words "")
    file(STRINGS ${file} head LIMIT_COUNT 20 ENCODING UTF-8)
    foreach(line IN LISTS head)
        if(line MATCHES "ctest: (.*)")
            string(REGEX MATCHALL "[a-z-]+(=[A-Za-z0-9_,/-]+)?" words "${CMAKE_MATCH_1}")
        endif()
    endforeach()
    set(HEAD_LABELS "")
    set(HEAD_TIMEOUT ${default_timeout})
    set(HEAD_PROCESSORS 1)
    set(HEAD_FOLDERS "")
    foreach(word IN LISTS words)
        string(REGEX MATCH "=(.*)" value "${word}")
        string(REPLACE "," ";" value "${CMAKE_MATCH_1}")
        if(word MATCHES "^labels=")
            set(HEAD_LABELS ${value})
        elseif(word MATCHES "^timeout=")
            set(HEAD_TIMEOUT ${value})
        elseif(word MATCHES "^processors=")
            set(HEAD_PROCESSORS ${value})
        elseif(word MATCHES "^folders=")
            set(HEAD_FOLDERS ${value})
        elseif(NOT word MATCHES "^(alone|own-program)$")
            message(FATAL_ERROR "${file}: ctest: does not know the word ${word}")
        endif()
    endforeach()
    file(STRINGS ${file} includes REGEX "^#include \"")
    foreach(line IN LISTS includes)
        string(REGEX REPLACE "^#include \"([^\"]*)\".*" "\\1" header "${line}")
        get_filename_component(folder "${header}" DIRECTORY)
        foreach(product agent/src console/src)
            if(NOT folder MATCHES "^(\\.\\..*)?$" AND EXISTS ${PROJECT_SOURCE_DIR}/${product}/${header})
                list(APPEND HEAD_FOLDERS ${product}/${folder})
            endif()
        endforeach()
    endforeach()
    list(REMOVE_DUPLICATES HEAD_FOLDERS)
    set(HEAD_WORDS "${words}")
    foreach(name LABELS TIMEOUT PROCESSORS FOLDERS WORDS)
        set(HEAD_${name} "${HEAD_${name}}" PARENT_SCOPE)
    endforeach()
endfunction()

# Registers a test by what its file says of itself. Its folders are labels, too: tests/run FOLDER.
function(weir_add_test name file label default_timeout)
    weir_read_head(${file} ${default_timeout})
    set(serial OFF)
    if("alone" IN_LIST HEAD_WORDS)
        set(serial ON)
    endif()
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES
        ENVIRONMENT "${weir_test_environment}" LABELS "${label};${HEAD_LABELS};${HEAD_FOLDERS}"
        TIMEOUT ${HEAD_TIMEOUT} COST ${HEAD_TIMEOUT} PROCESSORS ${HEAD_PROCESSORS}
        SKIP_RETURN_CODE 77 RUN_SERIAL ${serial})
    # A change of these lines is seen at the next build.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endfunction()

function(weir_test_program name source)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE weir_flags weir_test_support)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

# A program of several files, whose main finds them in a generated header: a line `MACRO(NAME)` for each name in the
# target's property LISTED.
function(weir_list_program name main header macro)
    weir_test_program(${name} ${CMAKE_CURRENT_SOURCE_DIR}/${main})
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/lists/${name})
    target_include_directories(${name} PRIVATE ${folder})
    file(GENERATE OUTPUT ${folder}/${header} CONTENT
        "${macro}($<JOIN:$<TARGET_PROPERTY:${name},LISTED>,)\n${macro}(>)\n")
endfunction()

# A file of unit tests: a cmocka program's source with its own main. Those of one folder of the product that are
# linked alike share a program, in which each main has the name of its file; it is still a test of its own:
# PROGRAM topic_test. What a file includes says what it is linked with.
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
    weir_read_head(${source} 60)
    list(APPEND HEAD_FOLDERS other)
    list(GET HEAD_FOLDERS 0 folder)
    string(REPLACE "/src" "" program "unit/${folder}")
    string(REPLACE "/" "_" program "${program}")
    set(libraries "")
    if(includes MATCHES "offered_view.h")
        string(APPEND program _offered_view)
    endif()
    if(name MATCHES "^console_")
        list(APPEND libraries weir_console)
    endif()
    if(includes MATCHES "failing_malloc.h")
        string(APPEND program _failing_malloc)
    endif()
    if(includes MATCHES "\"watch.h\"")
        string(APPEND program _watch)
    endif()
    if("own-program" IN_LIST HEAD_WORDS)
        set(program unit_${name})
    endif()
    if(NOT TARGET ${program})
        weir_list_program(${program} unit/main.c unit_tests.h UNIT_TEST)
        target_link_libraries(${program} PRIVATE weir_exporter weir_proto PkgConfig::CMOCKA)
        if(includes MATCHES "failing_malloc.h")
            target_link_options(${program} PRIVATE
                -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free)
        endif()
        if(includes MATCHES "offered_view.h")
            target_link_options(${program} PRIVATE -Wl,--wrap=wi_process_view_open_file)
        endif()
        if(includes MATCHES "\"watch.h\"")
            target_sources(${program} PRIVATE support/watch.c)
        endif()
    endif()
    target_link_libraries(${program} PRIVATE ${libraries})
    target_sources(${program} PRIVATE ${source})
    set_property(TARGET ${program} APPEND PROPERTY LISTED ${name})
    # The main that now has another name was declared nowhere.
    set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS main=${name}
        COMPILE_OPTIONS -Wno-missing-prototypes)
    weir_add_test(unit.${name} ${source} unit 120 $<TARGET_FILE:${program}> ${name})
endfunction()

# What a fuzz target's program is made of, besides the target: said by its name and by what it includes.
function(weir_fuzz_link program name includes)
    target_include_directories(${program} PRIVATE fuzz/support)
    target_link_libraries(${program} PRIVATE weir_flags weir_test_support)
    if(includes MATCHES "(fake|fuzz)_view.h")
        target_sources(${program} PRIVATE fuzz/support/fuzz_view.c)
    endif()
    if(includes MATCHES "tokio_model.h")
        target_sources(${program} PRIVATE support/tokio_model.c)
    endif()
    if(name MATCHES "^console_")
        target_link_libraries(${program} PRIVATE weir_console)
    endif()
    target_link_libraries(${program} PRIVATE weir_exporter weir_proto m)
endfunction()

# A fuzz target: with WEIR_SANITIZE=fuzz a program of libFuzzer's. Else those that are linked alike share a program
# that goes through their corpora, in which its functions have names of their own: PROGRAM NAME FOLDER.
function(weir_fuzz_target source)
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} includes REGEX "^#include")
    if(name MATCHES "^console_" AND NOT TARGET weir_console)
        return()
    endif()
    if(WEIR_SANITIZE STREQUAL "fuzz")
        add_executable(fuzz_${name} ${source} fuzz/support/fuzz.c)
        weir_fuzz_link(fuzz_${name} ${name} "${includes}")
        set_target_properties(fuzz_${name} PROPERTIES OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fuzz)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        if(NOT TARGET fuzz)
            add_custom_target(fuzz)
        endif()
        add_dependencies(fuzz fuzz_${name})
        return()
    endif()
    weir_read_head(${source} 120)
    set(program replay)
    if(includes MATCHES "(fake|fuzz)_view.h")
        set(program replay_fake_view)
    endif()
    if("own-program" IN_LIST HEAD_WORDS)
        set(program replay_${name})
    endif()
    if(NOT TARGET ${program})
        weir_list_program(${program} fuzz/support/replay.c replay_targets.h REPLAY_TARGET)
        target_sources(${program} PRIVATE fuzz/support/fuzz.c)
    endif()
    weir_fuzz_link(${program} ${name} "${includes}")
    target_sources(${program} PRIVATE ${source})
    set_property(TARGET ${program} APPEND PROPERTY LISTED ${name})
    set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS
        "LLVMFuzzerTestOneInput=${name}_input;fuzz_begin=${name}_begin;fuzz_seeds=${name}_seeds")
    # One thread: nothing for TSan to see.
    if(NOT WEIR_SANITIZE STREQUAL "thread")
        weir_add_test(fuzz.${name} ${source} "unit;fuzz" 120 $<TARGET_FILE:${program}> ${name}
            ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    endif()
endfunction()

function(weir_stress_test source)
    get_filename_component(name ${source} NAME_WE)
    weir_test_program(${name} ${source})
    target_link_libraries(${name} PRIVATE $<TARGET_NAME_IF_EXISTS:weir_exporter> weir_core)
    weir_add_test(stress.${name} ${source} stress 300 $<TARGET_FILE:${name}>)
endfunction()

# A script in integration/, screen/, lint/ or install/. One that starts programs with weir does so apart from all others.
execute_process(COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/support/apart --how
    OUTPUT_VARIABLE weir_apart OUTPUT_STRIP_TRAILING_WHITESPACE)

function(weir_script_test script)
    get_filename_component(name ${script} NAME_WE)
    get_filename_component(folder ${script} DIRECTORY)
    get_filename_component(label ${folder} NAME)
    if(label STREQUAL "lint")
        weir_add_test(${label}.${name} ${script} ${label} 120 ${script})
        return()
    endif()
    weir_add_test(${label}.${name} ${script} ${label} 120 ${CMAKE_CURRENT_SOURCE_DIR}/support/apart ${script})
    # Waiting for their turn would count as their time.
    if(NOT weir_apart STREQUAL "namespace")
        set_tests_properties(${label}.${name} PROPERTIES RESOURCE_LOCK machine)
    endif()
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
    target_include_directories(${target} PRIVATE support ${PROJECT_SOURCE_DIR}/agent/inside)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bench)
    target_link_libraries(${target} PRIVATE weir_flags)
    if(includes MATCHES "fake_view.h")
        target_link_libraries(${target} PRIVATE weir_test_support)
    endif()
    # What an application would do is linked as an application links it.
    if(includes MATCHES "\"(snapshot|encode|segment|session|wire)/|fake_view.h")
        target_link_libraries(${target} PRIVATE weir_exporter weir_proto m)
    else()
        target_link_libraries(${target} PRIVATE weir::weir Threads::Threads)
    endif()
    if(includes MATCHES "weir/agent.h")
        target_link_libraries(${target} PRIVATE weir::agent)
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
