<?php require 'session.php';
$_SESSION = [];
header('Location: /');
