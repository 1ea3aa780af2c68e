# SPDX-License-Identifier: MIT
#
# Fails unless LIBRARY exports exactly the symbols of EXPORTS, and needs no library but libc.

execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY}
    OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${NM} failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL "[^ \n]+\n" actual "${symbols}")
list(TRANSFORM actual STRIP)
list(SORT actual)
file(STRINGS ${EXPORTS} wanted)
set(sorted ${wanted})
list(SORT sorted)
if(NOT wanted STREQUAL sorted)
    message(FATAL_ERROR "${EXPORTS} is not sorted")
endif()
set(missing ${wanted})
set(surplus ${actual})
list(REMOVE_ITEM missing ${actual})
list(REMOVE_ITEM surplus ${wanted})
if(missing OR surplus)
    message(FATAL_ERROR "${LIBRARY} and ${EXPORTS} differ: not exported: [${missing}], not listed: [${surplus}]")
endif()

execute_process(COMMAND ${READELF} -d ${LIBRARY}
    OUTPUT_VARIABLE dynamic RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${READELF} failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" needed "${dynamic}")
foreach(entry ${needed})
    if(NOT entry MATCHES "\\[libc\\.so\\.[0-9]+\\]")
        message(FATAL_ERROR "${LIBRARY} may need libc only (glibc 2.34 or later has the threads in it), but: ${entry}")
    endif()
endforeach()
