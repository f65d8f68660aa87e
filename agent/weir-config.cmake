# find_package(weir): weir::weir (the hooks), weir::agent (the exporter; brings weir::weir along), and their archives
# weir::weir_static, weir::agent_static. weir::agent loads HTTP where it is asked for; weir::agent_static has it only
# with weir::agent_http_static. weir::agent_http links it into a program that could not load it, such as one that
# changes its root first. No weir::agent... where weir was built with -DWEIR_AGENT=OFF.
include("${CMAKE_CURRENT_LIST_DIR}/weir-targets.cmake")
