# find_package(weir): weir::weir (the hooks), weir::agent (the exporter; brings weir::weir along).
include("${CMAKE_CURRENT_LIST_DIR}/weir-targets.cmake")
