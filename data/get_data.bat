@echo off
setlocal
rem Makes mnist_train.csv and mnist_test.csv in this folder with the Python that is active.
for %%P in (python python3 py) do (
    %%P -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul
    if not errorlevel 1 (
        set "python=%%P"
        goto found
    )
)
echo get_data.bat: found no Python 3.10 or newer as python, python3 or py >&2
exit /b 2
:found
%python% "%~dp0get_data.py" %*
exit /b %errorlevel%
