@echo off
rem Make mnist_train.csv and mnist_test.csv in this folder with the active Python.
python "%~dp0get_data.py"
