# Run at build time: cmake -DSOURCES=FILE -DSALT=TEXT -DOUTPUT=HEADER -P build_id.cmake
# What libweir-agent and its HTTP module are made of, as one number: two libraries that were not made from the same
# sources in the same way have different ones.
file(STRINGS ${SOURCES} sources)
set(all "${SALT}")
foreach(source IN LISTS sources)
    file(SHA256 ${source} hash)
    string(APPEND all ":${hash}")
endforeach()
string(SHA256 id "${all}")
string(SUBSTRING ${id} 0 32 id)
file(WRITE ${OUTPUT} "#define WI_BUILD_ID \"${id}\"\n")
