#!/usr/bin/perl
# Chat and file server of the assignment. One process, one select() loop.
# Messages are lines. A part of a file is a datagram: "NUMBER:" and up to 2043 bytes.
# Run: perl server.pl
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(pack_sockaddr_in unpack_sockaddr_in inet_aton SOL_SOCKET SO_KEEPALIVE);
use Time::HiRes qw(time);

my $FIRST_PORT = 55000;
my $LAST_PORT = 55015;
my $MAX_CLIENTS = 15;    # on each port
my $FOLDER = 'files';
my $PART = 2043;
my $MAX_LINE = 65536;
my $MAX_UNSENT = 1 << 20;
my $MAX_AGAIN = 100_000;
my $BURST = 16;
my $REST = 0.001;        # seconds between two bursts of a download
my $IDLE = 30;

my $readers = IO::Select->new;
my $writers = IO::Select->new;
my %servers;      # fileno => { sock, clients }
my %clients;      # fileno => client
my %downloads;    # fileno of the UDP socket => download
my @online;       # clients with a name, in order of connection

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = sub { exit 0 };
$| = 1;

sub files {
    opendir(my $dir, $FOLDER) or return;
    my @names = sort grep { !/^\./ && -f "$FOLDER/$_" } readdir $dir;
    closedir $dir;
    return @names;
}

sub find_user {
    my ($name) = @_;
    my ($found) = grep { $_->{name} eq $name } @online;
    return $found;
}

# ---- sending

sub say_to {
    my ($client, $text) = @_;
    return if $client->{closed};
    $client->{unsent} .= "$text\n";
    flush($client);
}

sub say_to_all {
    my ($text) = @_;
    say_to($_, $text) for @{ [@online] };
}

sub flush {
    my ($client) = @_;
    my $sock = $client->{sock};
    if (length $client->{unsent}) {
        my $sent = syswrite $sock, $client->{unsent};
        if (defined $sent) {
            substr($client->{unsent}, 0, $sent) = '';
        } elsif (!$!{EAGAIN} && !$!{EINTR}) {
            return drop($client);
        }
    }
    # one that does not read must not fill our memory
    return drop($client) if length $client->{unsent} > $MAX_UNSENT;
    if (length $client->{unsent}) {
        $writers->add($sock);
    } else {
        $writers->remove($sock);
        drop($client) if $client->{leaving};
    }
}

# ---- coming and going

sub accept_client {
    my ($server) = @_;
    my $sock = $server->{sock}->accept or return;
    if ($server->{clients} >= $MAX_CLIENTS) {
        syswrite $sock, "can't connect. Port is full. Try another\n";
        close $sock;
        return;
    }
    $sock->blocking(0);
    $sock->setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1);
    my $ip = $sock->peerhost;
    if (!defined $ip) {
        close $sock;
        return;
    }
    $server->{clients}++;
    $clients{ fileno $sock } = {
        sock => $sock,
        server => $server,
        ip => $ip,
        name => '',
        got => '',
        unsent => '',
    };
    $readers->add($sock);
}

sub log_out {
    my ($client) = @_;
    my $name = $client->{name};
    return if $name eq '';
    @online = grep { $_ != $client } @online;
    $client->{name} = '';
    say_to_all("$name is disconnected");
}

sub drop {
    my ($client) = @_;
    return if $client->{closed};
    $client->{closed} = 1;
    my $sock = $client->{sock};
    $readers->remove($sock);
    $writers->remove($sock);
    delete $clients{ fileno $sock };
    close $sock;
    $client->{server}{clients}--;
    end_download($client);
    log_out($client);
}

sub read_client {
    my ($client) = @_;
    my $count = sysread $client->{sock}, my $data, 65536;
    return if !defined $count && ($!{EAGAIN} || $!{EINTR});
    return drop($client) if !$count;
    return if $client->{leaving};
    $client->{got} .= $data;
    while ($client->{got} =~ s/\A([^\n]*)\n//) {
        my $line = $1;
        $line =~ s/\r\z//;
        handle($client, $line);
        return if $client->{closed} || $client->{leaving};
    }
    if (length $client->{got} > $MAX_LINE) {
        say_to($client, 'message too long');
        leave($client);
    }
}

sub leave {
    my ($client) = @_;
    log_out($client);
    end_download($client);
    $client->{leaving} = 1;
    flush($client) unless $client->{closed};
}

# ---- messages

sub handle {
    my ($client, $line) = @_;
    if ($line eq 'disconnect') {
        say_to($client, 'disconnected');
        leave($client);
    } elsif ($line eq 'get_users') {
        say_to($client, join ',', map { $_->{name} } @online);
    } elsif ($line eq 'get_list_file') {
        say_to($client, join ',', files());
    } elsif ($line =~ /\Aconnect\|(.*)\z/s) {
        connect_user($client, $1);
    } elsif ($line =~ /\Adownload\|(.*)\z/s) {
        start_download($client, $1);
    } elsif ($client->{download} && $line !~ /\Amsg(_all)?\|/) {
        control_download($client, $client->{download}, $line);
    } elsif ($client->{name} eq '') {
        say_to($client, "Can't send message. Need to log in first");
    } elsif ($line =~ /\Amsg_all\|(.*)\z/s) {
        say_to_all("$client->{name}: $1");
    } elsif ($line =~ /\Amsg\|([^|]*)\|(.*)\z/s) {
        my ($target, $text) = ($1, $2);
        my $user = find_user($target);
        if ($user) {
            say_to($user, "$client->{name}: $text");
        } else {
            say_to($client, "Can't send message. $target is not online");
        }
    } else {
        say_to($client, 'Unknown command: ' . substr($line, 0, 40));
    }
}

sub connect_user {
    my ($client, $name) = @_;
    if ($client->{name} ne '') {
        say_to($client, "can't connect. Already connected");
    } elsif ($name !~ /\A[^|,\x00-\x1f\x7f]{1,64}\z/ || $name =~ /\A\s|\s\z/) {
        say_to($client, "can't connect. Name is illegal. Try another");
    } elsif (find_user($name)) {
        say_to($client, "can't connect. Name is taken. Try another");
    } else {
        $client->{name} = $name;
        push @online, $client;
        say_to_all("$name is connected");
        say_to($client, 'connected');
    }
}

# ---- downloads

sub start_download {
    my ($client, $name) = @_;
    return say_to($client, "Can't download. Need to log in first") if $client->{name} eq '';
    return say_to($client, "Can't download. Another download is running") if $client->{download};
    my ($found) = grep { $_ eq $name } files();
    my $file;
    if (!defined $found || !open $file, '<:raw', "$FOLDER/$found") {
        return say_to($client, "Can't download. File not found");
    }
    my $data = do { local $/; <$file> } // '';
    close $file;
    my $count = int((length($data) + $PART - 1) / $PART);
    my $pause = int($count / 5);    # 20 %
    $client->{download} = {
        client => $client,
        data => $data,
        count => $count,
        limit => $pause || $count,    # parts below it may be sent now
        next => 0,
        again => [],
        rest_until => 0,
        heard => time,
    };
    say_to($client, "|$count");
}

sub control_download {
    my ($client, $download, $line) = @_;
    return if $line eq '';
    my $count = $download->{count};
    $download->{heard} = time;
    if ($line eq 'proceed') {
        $download->{limit} = $count;
    } elsif ($line eq 'stop' && $download->{limit} == $count && ($download->{udp} || !$count)) {
        my $last = $count ? ord substr($download->{data}, -1) : 'none';
        end_download($client);
        say_to($client, "User $client->{name} downloaded 100% out of file. Last byte is: $last");
    } elsif (!$download->{udp} && $line ne 'stop') {
        open_udp($client, $download, $line);
    } elsif ($line =~ /\A\s*-?\d/) {
        return if @{ $download->{again} } > $MAX_AGAIN;
        my @numbers = grep { /\A\d{1,9}\z/ && $_ < $download->{limit} } split ' ', $line;
        push @{ $download->{again} }, @numbers;
    } elsif ($line eq 'stop' || $download->{limit} < $count) {
        end_download($client);
        say_to($client, 'download stopped');
    }
}

sub open_udp {
    my ($client, $download, $line) = @_;
    my ($ip, $port) = $line =~ /\A(?:([\d.]*)\|)?(\d{1,5})\z/;
    $ip //= $client->{ip};
    my $udp;
    if ($port && $port < 65536 && $ip eq $client->{ip}) {
        $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $client->{sock}->sockhost);
    }
    if (!$udp) {
        end_download($client);
        say_to($client, "Can't download. Need your own IP|PORT");
        return;
    }
    $udp->blocking(0);
    $download->{udp} = $udp;
    $download->{target} = pack_sockaddr_in($port, inet_aton($ip));
    $downloads{ fileno $udp } = $download;
}

sub end_download {
    my ($client) = @_;
    my $download = delete $client->{download} or return;
    if ($download->{udp}) {
        delete $downloads{ fileno $download->{udp} };
        close $download->{udp};
    }
}

sub busy {
    my ($download) = @_;
    return @{ $download->{again} } || $download->{next} < $download->{limit};
}

sub send_burst {
    my ($download, $now) = @_;
    my @numbers = splice @{ $download->{again} }, 0, $BURST;
    while (@numbers < $BURST && $download->{next} < $download->{limit}) {
        push @numbers, $download->{next}++;
    }
    for my $number (@numbers) {
        my $part = substr $download->{data}, $number * $PART, $PART;
        # a datagram that cannot be sent is as good as lost
        send $download->{udp}, "$number:$part", 0, $download->{target};
    }
    $download->{heard} = $now;
    $download->{rest_until} = $now + $REST;
}

sub check_idle {
    my ($now) = @_;
    for my $client (values %clients) {
        my $download = $client->{download} or next;
        # the user may think as long as he likes
        next if $download->{udp} && $download->{limit} < $download->{count};
        next if $now - $download->{heard} <= $IDLE;
        end_download($client);
        say_to($client, "Can't download. Nothing heard for $IDLE seconds");
    }
}

# ---- the loop

for my $port ($FIRST_PORT .. $LAST_PORT) {
    my $sock = IO::Socket::INET->new(
        LocalPort => $port,
        Proto => 'tcp',
        Listen => $MAX_CLIENTS,
        ReuseAddr => 1,
        Blocking => 0,
    );
    if (!$sock) {
        warn "port $port: $@\n";
        next;
    }
    $servers{ fileno $sock } = { sock => $sock, clients => 0 };
    $readers->add($sock);
}
die "no port is free\n" if !%servers;
print "ready\n";

my $next_check = time + 1;
while (1) {
    my $now = time;
    my $wait = 1;
    for my $download (grep { busy($_) } values %downloads) {
        my $left = $download->{rest_until} - $now;
        $left = 0 if $left < 0;
        $wait = $left if $left < $wait;
    }
    my ($readable, $writable) = IO::Select->select($readers, $writers, undef, $wait);
    for my $sock (@{ $readable || [] }) {
        my $number = fileno $sock;
        next if !defined $number;    # closed a moment ago
        if ($servers{$number}) {
            accept_client($servers{$number});
        } elsif ($clients{$number}) {
            read_client($clients{$number});
        }
    }
    for my $sock (@{ $writable || [] }) {
        my $number = fileno $sock;
        flush($clients{$number}) if defined $number && $clients{$number};
    }
    $now = time;
    for my $download (values %downloads) {
        send_burst($download, $now) if busy($download) && $now >= $download->{rest_until};
    }
    if ($now >= $next_check) {
        check_idle($now);
        $next_check = $now + 1;
    }
}
