"""Laws that no exact engine has: from large samples of patients, whose errors are carried along."""
