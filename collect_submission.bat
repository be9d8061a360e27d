@echo off
setlocal
rem Make assignment_1_submission.zip for Gradescope, and list what is in it.
cd /d "%~dp0"
for %%d in (configs models optimizer) do if exist %%d\__pycache__ rd /s /q %%d\__pycache__
python -m zipfile -c assignment_1_submission.zip main.py utils.py configs models optimizer || exit /b
python -m zipfile -l assignment_1_submission.zip
