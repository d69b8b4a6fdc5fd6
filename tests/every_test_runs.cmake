# Fails the configure step for every test file that would silently never run.

# Appends the sources of all targets in `dir` and below to `out`, as absolute paths.
function(osarchiver_sources_below dir out)
  set(sources ${${out}})
  get_property(targets DIRECTORY ${dir} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(names ${target} SOURCES)
    get_target_property(base ${target} SOURCE_DIR)
    foreach(name ${names})
      cmake_path(ABSOLUTE_PATH name BASE_DIRECTORY ${base} NORMALIZE OUTPUT_VARIABLE path)
      list(APPEND sources ${path})
    endforeach()
  endforeach()
  get_property(directories DIRECTORY ${dir} PROPERTY SUBDIRECTORIES)
  foreach(directory ${directories})
    osarchiver_sources_below(${directory} sources)
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

osarchiver_sources_below(${CMAKE_CURRENT_SOURCE_DIR} built)
get_property(run GLOBAL PROPERTY osarchiver_python_tests)
set(problems "")

# Whatever its name: TEST() may stand in any source.
file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
# Fuzz targets are built under a preset of their own.
list(FILTER found EXCLUDE REGEX "/tests/fuzz/")
foreach(file ${found})
  if(NOT file IN_LIST built)
    string(APPEND problems "\n  ${file} is in no target")
  endif()
endforeach()

# A Python test is what is named so or starts unittest; one that does not start it passes without running anything.
file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.py)
foreach(file ${found})
  file(STRINGS ${file} starts REGEX "^ *unittest\\.main\\(")
  if(file MATCHES "_test\\.py$" OR starts)
    if(NOT file IN_LIST run)
      string(APPEND problems "\n  ${file} is in no target")
    elseif(NOT starts)
      string(APPEND problems "\n  ${file} does not call unittest.main()")
    endif()
  endif()
endforeach()

if(problems)
  message(FATAL_ERROR "tests that would never run:${problems}")
endif()
