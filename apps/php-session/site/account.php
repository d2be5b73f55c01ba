<?php require 'session.php';
if ($user === null) { header('Location: /login.php'); exit; }
page('Account', $user);
