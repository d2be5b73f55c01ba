<?php
// What every page of this site begins with. As many sites of its age it keeps one session id through sign-in and sign-out.
session_start();
$user = $_SESSION['user'] ?? null;

function page(string $title, ?string $user): void {
    $_SESSION['pages'] = ($_SESSION['pages'] ?? 0) + 1;
    echo '<!doctype html><title>', $title, '</title><p>', $user === null ? 'Not signed in' : 'Signed in as <b id="user">' . htmlspecialchars($user) . '</b>',
        '</p><p id="pages">', $_SESSION['pages'], '</p>';
}
