<?php require 'session.php';
page('Home', $user);
