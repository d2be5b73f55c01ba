<?php
// What every page of this site begins with. As many sites of its age it keeps one session id through sign-in and sign-out.
session_start();
$user = $_SESSION['user'] ?? remembered();

// A "remember me" cookie signs its user in wherever nobody is, with a new session id.
function seal(string $name): string { return hash_hmac('sha256', $name, (string) ini_get('session.save_path')); }

function remember(string $name): void { setcookie('remember', $name . '.' . seal($name), ['path' => '/', 'httponly' => true]); }

function remembered(): ?string {
    [$name, $seal] = explode('.', (string) ($_COOKIE['remember'] ?? ''), 2) + ['', ''];
    if ($name === '' || !hash_equals(seal($name), $seal)) return null;
    session_regenerate_id();
    return $_SESSION['user'] = $name;
}

function page(string $title, ?string $user): void {
    $_SESSION['pages'] = ($_SESSION['pages'] ?? 0) + 1;
    echo '<!doctype html><title>', $title, '</title><p>', $user === null ? 'Not signed in' : 'Signed in as <b id="user">' . htmlspecialchars($user) . '</b>',
        '</p><p id="pages">', $_SESSION['pages'], '</p>';
}
