package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Role is what a child does: it reads questions and writes answers until there are no more questions.
type Role func(talk *Talk) error

// Talk is the child's side of the talk with the process that started it.
type Talk struct {
	in  *json.Decoder
	out *json.Encoder
}

// Next reads the next question. It returns false if there is none.
func (t *Talk) Next(question any) (bool, error) {
	err := t.in.Decode(question)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// Say writes an answer.
func (t *Talk) Say(answer any) error { return t.out.Encode(answer) }

// Answered returns the role that answers each question with what a function says to it.
func Answered[Question, Answer any](answer func(Question) (Answer, error)) Role {
	return func(talk *Talk) error {
		for {
			var question Question
			if more, err := talk.Next(&question); err != nil || !more {
				return err
			}
			said, err := answer(question)
			if err == nil {
				err = talk.Say(said)
			}
			if err != nil {
				return err
			}
		}
	}
}

// Play plays a role, as a child does. Whatever else prints to standard output is kept from the talk.
func Play(roles map[string]Role, name string) error {
	role, known := roles[name]
	if !known {
		return fmt.Errorf("there is no role %q", name)
	}
	out := os.Stdout
	os.Stdout = os.Stderr
	return role(&Talk{in: json.NewDecoder(os.Stdin), out: json.NewEncoder(out)})
}
