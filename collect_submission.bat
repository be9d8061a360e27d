@echo off
setlocal
rem Makes assignment_1_submission.zip, to be uploaded to Gradescope, with the Python that is active:
rem it runs the lines from BEGIN to END of collect_submission.sh.
cd /d "%~dp0"
for %%P in (python python3 py) do (
    %%P -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul
    if not errorlevel 1 (
        set "python=%%P"
        goto found
    )
)
echo collect_submission.bat: found no Python 3.10 or newer as python, python3 or py >&2
exit /b 2
:found
%python% -c "exec(open('collect_submission.sh').read().split('# BEGIN')[1].split('# END')[0])"
exit /b %errorlevel%
