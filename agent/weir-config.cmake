# find_package(weir): weir::weir (the hooks), weir::agent (the exporter; brings weir::weir along), and their archives
# weir::weir_static, weir::agent_static. No weir::agent and no weir::agent_static where weir was built with
# -DWEIR_AGENT=OFF.
include("${CMAKE_CURRENT_LIST_DIR}/weir-targets.cmake")
