#!/usr/bin/perl
# Chat and file client of the assignment: one select() over keyboard, TCP and UDP.
# Messages are lines. A part of a file is a datagram: number (4 bytes, big-endian), ':', data.
# Run: perl client.pl
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(inet_aton inet_ntoa unpack_sockaddr_in SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

my $PART = 2043;
my $MAX_PARTS = 1_000_000;
my $STEP = 0.1;       # seconds the timer starts with and grows by
my $GIVE_UP = 30;

my %PROMPTS = (
    local => 'Local IP? ',
    server => 'IP of the server? ',
    port => 'TCP port (55000-55015)? ',
    command => 'command> ',
    name => 'Choose a name: ',
    file => 'Which file? ',
    target => 'To whom (empty = all)? ',
    answer => "Half of the file has come. 'proceed' continues, anything else stops: ",
    new_name => 'Save under which name? ',
);

my $mode = '';         # what the next line of the user is for; 'wait': for nothing yet
my %said;              # answers to earlier questions
my @lines;             # typed, and not used yet
my $typed = '';
my $eof = 0;
my $behind_prompt = 0;
my ($tcp, $server_ip);
my $got = '';          # of a line of the server
my $wait_until;        # when to stop waiting for an answer of the server
my $download;          # { count, parts, ... }

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = sub { show('Bye'); exit 0 };
$| = 1;
binmode STDOUT;

sub show {
    my ($text, $is_prompt) = @_;
    print $behind_prompt ? "\n" : '', $text, $is_prompt ? '' : "\n";
    $behind_prompt = $is_prompt;
}

sub ask {
    ($mode) = @_;
    show($PROMPTS{$mode}, 1) if $PROMPTS{$mode};
}

sub transmit {
    my ($text) = @_;
    return if !$tcp;
    my $data = "$text\n";
    while (length $data) {
        my $sent = syswrite $tcp, $data;
        return if !defined $sent;    # reading will find out that it is closed
        substr($data, 0, $sent) = '';
    }
}

# ---- connection

sub open_connection {
    my $sock = IO::Socket::INET->new(
        Proto => 'tcp',
        LocalAddr => $said{local},
        PeerAddr => $said{server},
        PeerPort => $said{port},
        Timeout => 10,
    );
    if (!$sock) {
        show("Cannot connect: $@");
        return ask('local');
    }
    $tcp = $sock;
    $server_ip = $tcp->peerhost;
    $got = '';
    show('The TCP connection is open.');
    ask('command');
}

sub close_connection {
    my ($why) = @_;
    close $tcp if $tcp;
    undef $tcp;
    end_download() if $download && !$download->{complete};
    show($why);
    exit 0 if $eof && !@lines;
    # what has come completely is still to be saved
    return if $download && $mode eq 'new_name';
    return ask('new_name') if $download;
    ask('local');
}

sub read_tcp {
    my $count = sysread $tcp, my $data, 65536;
    if (!$count || length $got > 1 << 20) {
        my $expected = $mode eq 'wait_for_end';
        return close_connection($expected ? 'Disconnected.' : 'The server is gone.');
    }
    $got .= $data;
    while ($got =~ s/\A([^\n]*)\n//) {
        my $line = $1;
        $line =~ s/\r\z//;
        handle($line);
    }
}

sub handle {
    my ($line) = @_;
    if ($line =~ /\A\|(\d+)\z/) {
        start_download($1) if $mode eq 'wait' && !$download;
        return;
    }
    show($line);
    return if $mode ne 'wait';
    if (!$download) {
        ask('command') if $line =~ /\Acan't/i;    # no such file, or not connected
    } elsif ($download->{complete}) {
        ask('new_name') if $line =~ /Last byte is/;
    }
}

# ---- what the user says

sub use_line {
    my ($line) = @_;
    my $now = $mode;
    $said{$now} = $line;
    if ($now eq 'local' || $now eq 'server') {
        $said{$now} =~ s/\s//g;
        if ($said{$now} eq '' || !defined inet_aton($said{$now})) {
            show('That is no IP address.');
            return ask($now);
        }
        ask($now eq 'local' ? 'server' : 'port');
    } elsif ($now eq 'port') {
        if ($line !~ /\A\s*(\d{1,5})\s*\z/ || $1 < 1 || $1 > 65535) {
            show('That is no port.');
            return ask('port');
        }
        $said{port} = $1;
        open_connection();
    } elsif ($now eq 'name') {
        if ($line eq '' || $line =~ /\|/) {
            show("A name must not be empty and must not have '|' in it.");
        } else {
            transmit("connect|$line");
        }
        ask('command');
    } elsif ($now eq 'file') {
        transmit("download|$line");
        $wait_until = time + $GIVE_UP;
        ask('wait');
    } elsif ($now eq 'target') {
        transmit($line eq '' ? "msg_all|$said{command}" : "msg|$said{command}|$line");
        ask('command');
    } elsif ($now eq 'answer') {
        take_answer($line);
    } elsif ($now eq 'new_name') {
        save($line eq '' ? $said{file} : $line);
    } else {
        command($line);
    }
}

sub command {
    my ($line) = @_;
    if ($line eq 'connect') {
        ask('name');
    } elsif ($line eq 'disconnect') {
        transmit('disconnect');
        $wait_until = time + 2;
        ask('wait_for_end');
    } elsif ($line eq 'get_users' || $line eq 'get_list_file') {
        transmit($line);
        ask('command');
    } elsif ($line eq 'download') {
        ask('file');
    } elsif ($line eq '') {
        ask('command');
    } else {
        ask('target');
    }
}

sub take_answer {
    my ($line) = @_;
    # numbers and commands would mean something else to the server
    $line = 'stop' if $line !~ /[^\d ]/ || $line =~ /\A(connect|disconnect|get_\w+|download)\z/;
    transmit($line);
    if ($line ne 'proceed') {
        end_download();
        return ask('command');
    }
    $download->{limit} = $download->{count};
    find_missing();
    restart_timer();
    ask('wait');
}

sub save {
    my ($name) = @_;
    $name =~ s{.*/}{}s;
    my $file;
    if ($name eq '' || $name =~ /\0/ || !open $file, '>:raw', $name) {
        show("Cannot write '$name'.");
        return ask('new_name');
    }
    print $file @{ $download->{parts} };
    close $file;
    show("Saved as $name.");
    end_download();
    ask($tcp ? 'command' : 'local');
}

# ---- download

sub start_download {
    my ($count) = @_;
    my $udp;
    if (length $count < 8 && $count <= $MAX_PARTS) {
        $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $said{local});
    }
    if (!$udp) {
        show('This file cannot be downloaded.');
        transmit('stop');
        return ask('command');
    }
    $udp->setsockopt(SOL_SOCKET, SO_RCVBUF, 4 << 20);
    $udp->blocking(0);
    my $half = int($count / 2);
    $download = {
        udp => $udp,
        count => $count,
        parts => [],
        limit => $half || $count,    # parts below it should come now
    };
    find_missing();
    restart_timer();
    transmit($udp->sockport);
    finish() if $count == 0;
}

sub find_missing {
    my $parts = $download->{parts};
    my %missing = map { $_ => 1 } grep { !defined $parts->[$_] } 0 .. $download->{limit} - 1;
    $download->{missing} = \%missing;
}

sub restart_timer {
    $download->{wait} = $STEP;
    $download->{news} = time;
    $download->{deadline} = time + $STEP;
}

sub read_udp {
    # not for ever: the keyboard wants to be read, too
    for (1 .. 200) {
        my $from = recv $download->{udp}, my $datagram, 65535, 0;
        return if !defined $from || $from eq '';
        take_part($from, $datagram);
        return if !$download->{udp};
    }
}

sub take_part {
    my ($from, $datagram) = @_;
    my (undef, $address) = unpack_sockaddr_in($from);
    return if inet_ntoa($address) ne $server_ip;
    return if length $datagram < 6 || substr($datagram, 4, 1) ne ':';
    my $number = unpack 'N', $datagram;
    my $size = length($datagram) - 5;
    my $last = $download->{count} - 1;
    return if $number > $last || $size > $PART || ($size < $PART && $number < $last);
    if (!defined $download->{parts}[$number]) {
        $download->{parts}[$number] = substr $datagram, 5;
        delete $download->{missing}{$number};
        $download->{wait} = $STEP;
        $download->{news} = time;
    }
    $download->{deadline} = time + $download->{wait};
    if ($mode eq 'wait' && !%{ $download->{missing} }) {
        $download->{limit} < $download->{count} ? ask('answer') : finish();
    }
}

sub check_timer {
    return if time < $download->{deadline};
    if (!%{ $download->{missing} }) {    # all of it had come early
        return finish();
    }
    if (time - $download->{news} > $GIVE_UP) {
        show('Nothing came for 30 seconds, the download is over.');
        transmit('stop');
        end_download();
        return ask('command');
    }
    my @numbers = sort { $a <=> $b } keys %{ $download->{missing} };
    while (my @some = splice @numbers, 0, 1000) {
        transmit("@some");
    }
    $download->{wait} += $STEP;
    $download->{deadline} = time + $download->{wait};
}

sub finish {
    close $download->{udp};
    delete $download->{udp};
    $download->{complete} = 1;
    transmit('stop');
    $wait_until = time + 5;
}

sub end_download {
    close $download->{udp} if $download->{udp};
    undef $download;
}

# ---- the loop

sub check_time {
    if ($mode eq 'wait' && $download && $download->{udp}) {
        check_timer();
    } elsif ($mode eq 'wait' && time > $wait_until) {
        # the server has not said what it should
        show('The server does not answer.') if !$download;
        ask($download ? 'new_name' : 'command');
    } elsif ($mode eq 'wait_for_end' && time > $wait_until) {
        close_connection('Disconnected.');
    }
}

sub read_keyboard {
    my $count = sysread STDIN, my $data, 65536;
    $eof = 1 if !$count;
    $typed .= $count ? $data : $typed eq '' ? '' : "\n";
    while ($typed =~ s/\A([^\n]*)\n//) {
        my $line = $1;
        $line =~ s/\r\z//;
        push @lines, $line;
    }
}

ask('local');
while (1) {
    while (@lines && $mode !~ /\Await/) {
        use_line(shift @lines);
    }
    if ($eof && !@lines && $mode !~ /\Await/) {
        exit 0 if !$tcp;
        transmit('disconnect');
        $wait_until = time + 1;
        $mode = 'wait_for_end';
    }
    my $select = IO::Select->new;
    $select->add(\*STDIN) if !$eof;
    $select->add($tcp) if $tcp;
    $select->add($download->{udp}) if $download && $download->{udp};
    my $seconds = 0.5;
    if ($mode eq 'wait' && $download && $download->{udp}) {
        $seconds = $download->{deadline} - time;
        $seconds = 0 if $seconds < 0;
    }
    my @ready = $select->can_read($seconds);
    for my $source (@ready) {
        if ($source == \*STDIN) {
            read_keyboard();
        } elsif ($tcp && $source == $tcp) {
            read_tcp();
        } elsif ($download && $download->{udp} && $source == $download->{udp}) {
            read_udp();
        }
    }
    check_time();
}
